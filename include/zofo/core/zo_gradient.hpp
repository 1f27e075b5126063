/// @file A zeroth-order gradient estimate as a few numbers.
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
  double queries = 0.0;  ///< number of independent directions that it averages; not always the number of terms
};

}  // namespace zofo
