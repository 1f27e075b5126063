/// @file Members of x's shape in the states of inner optimizers.
#pragma once

#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo::inner {

/// Whether y has x's shape, or as many coordinates if P has no rows and columns. If P has no coordinates
/// either, true.
template <VectorSpace P>
[[nodiscard]] bool same_size(const P& x, const P& y) {
  if constexpr (EigenPlain<P>)
    return y.rows() == x.rows() && y.cols() == x.cols();
  else if constexpr (HasCoordinates<const P>)
    return coordinates(y).size() == coordinates(x).size();
  else
    return true;
}

/// Memory of x's shape with unspecified contents; allocated if `slot` is empty or has another size.
template <VectorSpace P>
P& scratch_like(const P& x, Memory<P>& slot) {
  if (!slot || !same_size(x, *slot)) slot.emplace(zeros_like(x));
  return *slot;
}

/// A member of a state with x's shape, zero before the first step. Throws Error when `slot` belongs to an x
/// of another size.
template <VectorSpace P>
P& memory_like(const P& x, Memory<P>& slot) {
  if (!slot) slot.emplace(zeros_like(x));
  require(same_size(x, *slot),
          "inner optimizer: x has another size than in the steps before: each x needs its own state");
  return *slot;
}

}  // namespace zofo::inner
