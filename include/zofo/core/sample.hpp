/// @file A mini-batch as a key (DESIGN.md §1.5).
#pragma once

#include <cstdint>

namespace zofo {

/// Names a mini-batch: the same key draws the same rows, so "both sides see the same batch" shows in a call's
/// arguments.
struct Sample {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t stream = 0;
  friend bool operator==(const Sample&, const Sample&) = default;
};

}  // namespace zofo
