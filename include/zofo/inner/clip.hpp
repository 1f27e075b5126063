/// @file Clipping by the global norm.
#pragma once

#include "zofo/core/vector_space.hpp"

namespace zofo::inner {

/// Shortens `gradient` to Euclidean length `limit` if it is longer (Pascanu et al. 2013, Algorithm 1); 0
/// means no limit, and the norm is not computed then.
template <VectorSpace P>
void clip_norm(double limit, P& gradient) {
  if (!(limit > 0.0)) return;
  const double length = norm(gradient);
  if (length > limit) scale(limit / length, gradient);
}

}  // namespace zofo::inner
