/// @file A random direction as a value (DESIGN.md §1.1).
#pragma once

#include <cstdint>

namespace zofo {

/// Names a random direction z; its entries are a pure function of (direction, tensor stream, coordinate).
/// The Philox key is `seed`; the counter words are (coordinate / 4, tensor stream, step, query).
struct Direction {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t query = 0;
  friend bool operator==(const Direction&, const Direction&) = default;
};

}  // namespace zofo
