/// @file The training examples of a task, by the loss that uses them.
#pragma once

#include <cstddef>
#include <vector>

#include "zofo/lm/encoded_example.hpp"

namespace zofo::llm {

/// Training examples of one task.
struct TaskExamples {
  std::vector<EncodedExample> upper;  ///< D_f, of F
  std::vector<EncodedExample> lower;  ///< D_g, of G
  /// Of F in θ's estimates, where these differ from the examples that p is fitted to; else empty.
  std::vector<EncodedExample> unseen{};

  /// Number of all examples.
  [[nodiscard]] std::size_t size() const { return upper.size() + lower.size() + unseen.size(); }
  /// Throws Error where there is no example, or one without answer choices.
  void check() const;
};

}  // namespace zofo::llm
