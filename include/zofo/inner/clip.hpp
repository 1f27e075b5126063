/// @file Clipping by the global norm.
#pragma once

#include "zofo/core/vector_space.hpp"

namespace zofo::inner {

/// Shortens `gradient`, which is `length` long, to `limit` if it is longer; 0 means no limit.
template <VectorSpace P>
void clip_norm(double limit, double length, P& gradient) {
  if (limit > 0.0 && length > limit) scale(limit / length, gradient);
}

}  // namespace zofo::inner
