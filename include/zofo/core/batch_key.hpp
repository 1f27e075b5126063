/// @file The key of a mini-batch, and the level that it belongs to.
#pragma once

#include <cstdint>

namespace zofo {

/// The two levels of the problem: F is the upper loss, G the lower one.
enum class Level : std::uint8_t { upper, lower };

/// Names a mini-batch. Equal keys give the same examples, so the arguments of two calls show whether both use
/// the same mini-batch.
struct BatchKey {
  std::uint64_t seed = 0;    ///< of the run
  std::uint32_t step = 0;    ///< number of the mini-batch within its stream
  std::uint32_t stream = 0;  ///< what the mini-batch is for: a BatchStream or a number of kUserBatchStreams
  std::uint32_t task = 0;    ///< index of the task
  /// Compares member by member.
  friend bool operator==(const BatchKey&, const BatchKey&) = default;
};

/// The seed that samples a task's examples: key.seed + 2^32 · key.task, so that mini-batches of two tasks
/// differ at the same step and seed.
[[nodiscard]] constexpr std::uint64_t task_seed(const BatchKey& key) {
  return key.seed + (std::uint64_t{key.task} << 32U);
}

/// The mini-batches of one evaluation: that of F and that of G.
struct BatchPair {
  BatchKey upper;  ///< mini-batch of F
  BatchKey lower;  ///< mini-batch of G
};

}  // namespace zofo
