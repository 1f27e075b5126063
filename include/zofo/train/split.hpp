/// @file A task's training examples, split into the parts that a run uses.
#pragma once

#include <string_view>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/train/task_examples.hpp"

namespace zofo::llm {

/// The training examples of a task by their use.
struct Split {
  TaskExamples examples;                  ///< what is trained on
  std::vector<EncodedExample> selection;  ///< validation examples: they select the model and stop it early
};

/// Splits the training examples of a task; a pure function of the seed. With both levels F has a third of the
/// examples and G the rest; if the options ask for validation examples, they are a quarter of F's third; with
/// unseen examples another third is F's in θ's estimates. A method of one level has all examples in G (an
/// adapter's gradient) or in F, and a twelfth as validation examples. Throws Error naming the task if there
/// are fewer examples than parts.
Split split_examples(const RunOptions& o, std::string_view task, std::vector<EncodedExample> examples);

}  // namespace zofo::llm
