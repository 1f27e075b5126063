#include "zofo/train/task_examples.hpp"

#include "zofo/core/error.hpp"

namespace zofo::llm {

void TaskExamples::check() const {
  require(!upper.empty() || !lower.empty(), "training examples: 0: must be at least 1");
  for (const std::vector<EncodedExample>* examples : {&upper, &lower, &unseen})
    for (const EncodedExample& example : *examples) {
      require(example.options != nullptr, "training examples: an example has no answer choices");
      example.options->check();
    }
}

}  // namespace zofo::llm
