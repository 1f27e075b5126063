/// @file The training examples of a task, by the loss that they belong to.
#pragma once

#include <initializer_list>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/lm/encoded_example.hpp"

namespace zofo::llm {

/// Training examples of one task.
struct TaskExamples {
  std::vector<EncodedExample> upper;     ///< D_f, of F
  std::vector<EncodedExample> lower;     ///< D_g, of G
  std::vector<EncodedExample> unseen{};  ///< of F in θ's estimates, where these are others than those that p fits

  [[nodiscard]] std::size_t size() const { return upper.size() + lower.size() + unseen.size(); }
  /// Throws Error where there is no example at all, or one without answer choices.
  void check() const {
    require(!upper.empty() || !lower.empty(), "training rows: 0: must be at least 1");
    for (const std::vector<EncodedExample>* examples : {&upper, &lower, &unseen})
      for (const EncodedExample& example : *examples) {
        require(example.options != nullptr, "training rows: a row has no options");
        example.options->check();
      }
  }
};

}  // namespace zofo::llm
