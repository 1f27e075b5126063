/// @file A random direction as a value: the key of its entries.
#pragma once

#include <cstdint>

namespace zofo {

/// Names a random direction z; its entries are a pure function of (direction, tensor stream, coordinate).
/// The Philox key is `seed`; the counter words are (coordinate / 4, tensor stream, step, query).
struct Direction {
  std::uint64_t seed = 0;   ///< of the estimator or the run
  std::uint32_t step = 0;   ///< outer step, from 0
  std::uint32_t query = 0;  ///< number of the direction within the step, from 0
  /// Compares member by member.
  friend bool operator==(const Direction&, const Direction&) = default;
};

}  // namespace zofo
