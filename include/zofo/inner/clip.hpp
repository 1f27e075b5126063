/// @file Clipping by the global norm.
#pragma once

#include "zofo/core/vector_space.hpp"

namespace zofo::inner {

/// Shortens `gradient` to Euclidean norm `limit` if it is longer (Pascanu et al. 2013, Algorithm 1). 0
/// means no limit; then the norm is not computed.
template <VectorSpace P>
void clip_norm(double limit, P& gradient) {
  if (!(limit > 0.0)) return;
  const double length = norm(gradient);
  if (length > limit) scale(limit / length, gradient);
}

}  // namespace zofo::inner
