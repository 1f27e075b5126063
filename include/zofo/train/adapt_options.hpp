/// @file The options and the result of adapting to a few examples.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/data/task.hpp"
#include "zofo/lm/scores.hpp"

namespace zofo::llm {

/// How an adapter is fitted to a few examples. The learning rate decreases linearly to 0.
struct AdaptOptions {
  std::uint32_t max_steps = 40;  ///< of Adam
  double learning_rate = 1e-3;   ///< of the first step
  double weight_decay = 0.0;     ///< of Adam
  std::uint32_t batch_size = 8;  ///< examples of a mini-batch
  std::uint32_t num_seeds = 1;   ///< random subsets of the examples, each with its own seed
  std::uint64_t seed = 0;        ///< of the first subset

  /// Throws Error naming the field out of range.
  void check() const;
};

/// How many examples: of each class, or in all.
struct Count {
  std::size_t number = 0;  ///< of examples
  bool each = true;        ///< of each class
};

/// Indices of the training examples of one random subset: a pure function of the seed. Throws Error for none,
/// and where there are fewer, naming the class.
std::vector<std::size_t> sample_examples(const data::TaskData& data, Count count, std::uint64_t seed);

/// The result of one random subset of a task's examples.
struct FewShotResult {
  std::uint64_t seed = 0;      ///< of the subset
  std::size_t examples = 0;    ///< number of training examples
  double training_loss = 0.0;  ///< before the last step
  Scores scores;               ///< on the validation examples
  Eigen::VectorXf adapter;     ///< empty for in-context learning
};

}  // namespace zofo::llm
