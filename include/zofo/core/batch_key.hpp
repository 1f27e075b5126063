/// @file A mini-batch as a key, and the level that it belongs to.
#pragma once

#include <cstdint>

namespace zofo {

/// The two levels of the problem: F is the upper loss, G the lower one.
enum class Level : std::uint8_t { upper, lower };

/// Names a mini-batch: equal keys give the same examples, so that two losses see the same mini-batch shows in
/// a call's arguments.
struct BatchKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;    ///< counts mini-batches of one stream; below 2^32
  std::uint32_t stream = 0;  ///< what the mini-batch is for: a BatchStream, or a number of the user's own
  std::uint32_t task = 0;    ///< index of the task
  friend bool operator==(const BatchKey&, const BatchKey&) = default;
};

/// The seed that samples a task's examples. Mini-batches of two tasks must differ at the same step and seed,
/// so the task goes into the seed's upper half.
[[nodiscard]] constexpr std::uint64_t task_seed(const BatchKey& key) {
  return key.seed + (std::uint64_t{key.task} << 32U);
}

/// The mini-batches of one evaluation: that of F and that of G.
struct BatchPair {
  BatchKey upper, lower;
};

}  // namespace zofo
