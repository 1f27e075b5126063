/// @file A zeroth-order gradient estimate as a few numbers (DESIGN.md §1.3).
#pragma once

#include <vector>

#include "zofo/core/direction.hpp"

namespace zofo {

/// One term c·z(direction).
struct ZoTerm {
  Direction direction;
  double coefficient = 0.0;
};

/// The estimate ĝ = Σ cᵢ z(directionᵢ), whatever the size of θ.
struct ZoGradient {
  std::vector<ZoTerm> terms;
};

}  // namespace zofo
