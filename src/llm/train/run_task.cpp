#include "zofo/train/run_task.hpp"

#include <cmath>
#include <cstdint>
#include <utility>

#include "zofo/config/make_adapter.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/shots.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/split.hpp"

namespace zofo::llm {

RunTask encode_task(const Model& model, data::TaskData data, const RunOptions& o) {
  RunTask task;
  data::take_samples(data, o.max_train_samples, o.seed);
  const auto owned = std::make_shared<const data::TaskData>(std::move(data));
  task.data = owned;
  const std::string folder = o.command == Command::finetune ? "" : owned->task.name + "/";
  const std::uint32_t reserved = peft::virtual_tokens(make_adapter(model.parameters.config(), o));
  const auto encoded = [&](Purpose purpose, const std::vector<data::Example>& from, std::uint32_t limit,
                           const std::string& file) {
    return encode_examples(ExampleEncoder(model, owned->task, purpose, owned->demonstrations, reserved), from,
                           limit, folder + file);
  };
  std::vector<EncodedExample> training = encoded(Purpose::training, owned->train, 0, owned->train_file);
  set_class_weights(owned->task, training);
  Split split = split_examples(o, owned->task.name, std::move(training));
  task.examples = std::move(split.examples);
  task.selection = std::move(split.selection);
  task.held_out = encoded(Purpose::scoring, owned->validation, o.max_eval_samples, owned->held_out);
  return task;
}

std::vector<RunTask> encode_tasks(const Model& model, std::vector<data::TaskData> list, const RunOptions& o) {
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

std::vector<std::string> names_of(const std::vector<RunTask>& tasks) {
  std::vector<std::string> names;
  for (const RunTask& task : tasks) names.push_back(task.name());
  return names;
}

std::vector<double> task_weights(const RunOptions& o, const std::vector<RunTask>& tasks) {
  if (o.sampling == Sampling::uniform) return {};
  const double power = o.sampling == Sampling::proportional ? 1.0 : 1.0 / o.temperature;
  std::vector<double> weights;
  for (const RunTask& task : tasks)
    weights.push_back(std::pow(static_cast<double>(task.training_examples()), power));
  return weights;
}

}  // namespace zofo::llm
