/// @file Memory of θ's shape for outer optimisers.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo::outer {

/// What moments of θ are kept in: θ's `Scalar` if its type names one, else float.
template <class Theta>
struct MomentScalar {
  using Type = float;
};
template <class Theta>
requires std::floating_point<typename Theta::Scalar>
struct MomentScalar<Theta> {
  using Type = typename Theta::Scalar;
};

/// One row a tensor of θ.
template <class Theta>
using MomentRows = std::vector<std::vector<typename MomentScalar<Theta>::Type>>;

/// Makes zero rows of θ's shape when there are none. Throws Error when the rows are those of a θ of another
/// shape.
template <HasTensors Theta>
void rows_like(Theta& theta, MomentRows<Theta>& rows) {
  if (rows.empty()) {
    MomentRows<Theta> fresh;
    for_each_tensor(theta,
                    [&](std::uint32_t /*tensor*/, auto* /*data*/, std::size_t n) { fresh.emplace_back(n); });
    rows = std::move(fresh);
  }
  std::size_t index = 0;
  for_each_tensor(theta, [&](std::uint32_t /*tensor*/, auto* /*data*/, std::size_t n) {
    const std::size_t held = index < rows.size() ? rows[index].size() : 0;
    require(n == held, "outer: tensor {} of theta has {} entries, the optimiser's state {}: must be as many",
            index, n, held);
    ++index;
  });
  require(index == rows.size(), "outer: theta has {} tensors, the optimiser's state {}: must be as many",
          index, rows.size());
}

}  // namespace zofo::outer
