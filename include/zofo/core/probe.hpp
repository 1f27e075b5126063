/// @file Where a loss is asked for (DESIGN.md §1.2).
#pragma once

#include "zofo/core/direction.hpp"

namespace zofo {

/// The point θ + scale·z(direction); scale 0 is θ itself, whatever the direction.
struct Probe {
  Direction direction;
  double scale = 0.0;
  friend bool operator==(const Probe&, const Probe&) = default;
};

}  // namespace zofo
