/// @file The tasks of a run: checked against each other, their examples as tokens and split.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/train/task_examples.hpp"

namespace zofo::llm {

/// A task of a run. Its encoded examples borrow the data.
struct RunTask {
  std::shared_ptr<const data::TaskData> data;  ///< the definition and the texts
  TaskExamples examples;                       ///< what is trained on
  std::vector<EncodedExample> selection;       ///< validation examples that select the model
  std::vector<EncodedExample>
      held_out;  ///< examples of the final scores, used by neither training nor selection

  /// Name of the task.
  [[nodiscard]] const std::string& name() const { return data->task.name; }
  /// Definition of the task.
  [[nodiscard]] const data::Task& task() const { return data->task; }
  /// Number of training examples that the run uses.
  [[nodiscard]] std::size_t training_examples() const { return examples.size() + selection.size(); }
};

/// A task with max_train_samples of its examples as tokens, such that the run's adapter can reserve its
/// positions of the context. Throws Error naming the file and line of an example that does not fit the model,
/// and as split_examples.
RunTask encode_task(const Model& model, data::TaskData data, const RunOptions& o);

/// The tasks with their examples as tokens. Throws Error where there is no task, two have the same name, a
/// name cannot be a folder's, or one does not fit the model.
std::vector<RunTask> encode_tasks(const Model& model, std::vector<data::TaskData> list, const RunOptions& o);

/// The names of the tasks, in their order.
std::vector<std::string> names_of(const std::vector<RunTask>& tasks);

/// The tasks are sampled with probabilities proportional to these weights: 1, n or n^(1/temperature) for n
/// training examples. Empty: equal.
std::vector<double> task_weights(const RunOptions& o, const std::vector<RunTask>& tasks);

}  // namespace zofo::llm
