/// @file The tasks of a run: loaded, checked against each other, their rows as tokens and split.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zofo/config/make_adapter.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/split.hpp"

namespace zofo::llm {

/// A task of a run. Its rows borrow the data, which stays where it is.
struct RunTask {
  std::shared_ptr<const data::TaskData> data;
  TaskExamples examples;              ///< what is trained on
  std::vector<EncodedExample> selection;  ///< what selects the model
  std::vector<EncodedExample> held_out;   ///< what scores are of; neither training nor selection sees them

  [[nodiscard]] const std::string& name() const { return data->task.name; }
  [[nodiscard]] const data::Task& task() const { return data->task; }
  [[nodiscard]] std::size_t training_examples() const { return examples.size() + selection.size(); }
};

/// A task with its rows as tokens, which leave the run's adapter the positions that it takes. Throws Error
/// naming the file and line of a row that does not fit the model, and on fewer rows than the run has parts.
inline RunTask encode_task(const Model& model, data::TaskData data, const RunOptions& o) {
  RunTask task;
  const auto owned = std::make_shared<const data::TaskData>(std::move(data));
  task.data = owned;
  const std::string place = o.command == Command::finetune ? "" : owned->task.name + "/";
  const std::uint32_t taken = peft::virtual_tokens(make_adapter(model.parameters.config(), o));
  const auto rows = [&](Purpose purpose, const std::vector<data::Example>& from, std::uint32_t limit,
                        const char* file) {
    return encode_examples(ExampleEncoder(model, owned->task, purpose, owned->demonstrations, taken), from, limit,
                       place + file);
  };
  Split split = split_examples(o, owned->task.name,
                           rows(Purpose::training, owned->train, o.max_train_samples, "train.jsonl"));
  task.examples = std::move(split.examples);
  task.selection = std::move(split.selection);
  task.held_out = rows(Purpose::scoring, owned->validation, o.max_eval_samples, "validation.jsonl");
  return task;
}

/// The tasks with their rows as tokens. Throws Error where there is none, two have one name, a name cannot be
/// a folder's, or one does not fit the model.
inline std::vector<RunTask> encode_tasks(const Model& model, std::vector<data::TaskData> list,
                                         const RunOptions& o) {
  require(!list.empty(), "tasks: none is named: must be at least 1");
  std::vector<RunTask> tasks;
  for (data::TaskData& data : list) {
    if (list.size() > 1 || o.command == Command::meta_train) check_folder_name(data.task.name);
    for (const RunTask& other : tasks)
      require(other.name() != data.task.name, "tasks: '{}' is named twice", data.task.name);
    tasks.push_back(encode_task(model, std::move(data), o));
  }
  o.check(tasks.size());
  return tasks;
}

/// What the tasks' chances to be sampled are proportional to: 1, n or n^(1/temperature) for n training rows.
inline std::vector<double> task_weights(const RunOptions& o, const std::vector<RunTask>& tasks) {
  if (o.sampling == Sampling::uniform) return {};
  const double power = o.sampling == Sampling::proportional ? 1.0 : 1.0 / o.temperature;
  std::vector<double> weights;
  for (const RunTask& task : tasks)
    weights.push_back(std::pow(static_cast<double>(task.training_examples()), power));
  return weights;
}

}  // namespace zofo::llm
