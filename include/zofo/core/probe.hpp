/// @file A point at which a loss is evaluated.
#pragma once

#include "zofo/core/direction.hpp"

namespace zofo {

/// The point θ + scale·z(direction); scale 0 is θ itself for any direction.
struct Probe {
  Direction direction;  ///< of z
  double scale = 0.0;   ///< ±ε, in θ's units
  /// Compares member by member.
  friend bool operator==(const Probe&, const Probe&) = default;
};

}  // namespace zofo
