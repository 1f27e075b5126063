/// @file The tasks of meta-training: loaded, checked against each other, their rows split.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/config/meta_options.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/meta_run.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/meta_problem.hpp"

namespace zofo::llm {

/// A task with its rows as tokens. The rows borrow the data, which stays where it is.
struct MetaTaskData {
  std::unique_ptr<const data::TaskData> data;
  TaskRows rows;                     ///< F and G
  std::vector<EncodedRow> held_out;  ///< no step sees them

  [[nodiscard]] const std::string& name() const { return data->task.name; }
  [[nodiscard]] std::size_t training_rows() const {
    return rows.upper.size() + rows.lower.size() + rows.unseen.size();
  }
};

/// Layout of the adapters.
inline peft::Lora meta_lora(const model::Config& config, std::uint32_t rank, double alpha,
                            const std::string& targets) {
  return peft::Lora(config, {rank, static_cast<float>(alpha), split_commas(targets)});
}

/// Loads a task for the model; longer prompts keep their last `max_tokens` tokens (0: as the task says).
inline std::unique_ptr<data::TaskData> load_meta_task(const std::string& name,
                                                      const std::optional<std::filesystem::path>& data_folder,
                                                      const std::filesystem::path& definitions,
                                                      std::size_t max_tokens) {
  auto data = std::make_unique<data::TaskData>(data::load_task(name, data_folder, definitions));
  require(data->task.kind != data::Kind::generate,
          "task {}: the model writes its answers: meta-training needs options to choose from",
          data->task.name);
  if (max_tokens != 0)
    data->task.max_prompt_tokens = data->task.max_prompt_tokens == 0
                                       ? max_tokens
                                       : std::min<std::size_t>(data->task.max_prompt_tokens, max_tokens);
  return data;
}

/// F a third of the rows and G two thirds, drawn by the seed; with unseen rows F for p, F for θ and G a third
/// each (p's as without them). The joint methods have one level alone. Throws
/// Error on fewer rows than levels.
inline TaskRows split_task(const MetaTrainOptions& options, std::string_view name,
                           std::vector<EncodedRow> rows) {
  if (options.method == "joint-lora") return {{}, std::move(rows)};
  if (options.method == "joint-mezo") return {std::move(rows), {}};
  constexpr std::uint32_t split_stream = stream_number(BatchStream::task_split);
  require(rows.size() >= 3, "task {}: training rows: {}: must be at least 3, for F and for G", name,
          rows.size());
  TaskRows split;
  const std::size_t third = rows.size() / 3, unseen = options.theta_rows == "unseen" ? third : 0;
  std::size_t place = 0;
  for (const std::size_t i : data::shuffled(options.seed, split_stream, 0, rows.size())) {
    std::vector<EncodedRow>& part = place < third            ? split.upper
                                    : place < third + unseen ? split.unseen
                                                             : split.lower;
    part.push_back(std::move(rows[i]));
    ++place;
  }
  return split;
}

/// Loads the tasks that are named. Throws Error where a task is named twice, none is named, or one does not
/// fit the model.
inline std::vector<MetaTaskData> load_meta_tasks(const Model& model, const std::vector<std::string>& names,
                                                 const std::optional<std::filesystem::path>& data_folder,
                                                 const std::filesystem::path& definitions,
                                                 const MetaTrainOptions& options) {
  require(!names.empty(), "tasks: none is named: must be at least 1");
  std::vector<MetaTaskData> tasks;
  for (const std::string& name : names) {
    MetaTaskData task;
    auto data = load_meta_task(name, data_folder, definitions, options.max_tokens);
    check_folder_name(data->task.name);
    for (const MetaTaskData& other : tasks)
      require(other.name() != data->task.name, "tasks: '{}' is named twice", data->task.name);
    task.rows = split_task(options, data->task.name,
                           encode_rows(RowEncoder(model, data->task, Purpose::training), data->train,
                                       options.train_rows, data->task.name + "/train.jsonl"));
    task.held_out = encode_rows(RowEncoder(model, data->task, Purpose::scoring), data->validation,
                                options.validation_rows, data->task.name + "/validation.jsonl");
    task.data = std::move(data);
    tasks.push_back(std::move(task));
  }
  require(options.tasks_per_step <= tasks.size(), "tasks_per_step = {}: must be at most the {} tasks",
          options.tasks_per_step, tasks.size());
  return tasks;
}

/// How large the rows of the tasks get.
inline RowExtent extent_of(const std::vector<MetaTaskData>& tasks) {
  RowExtent extent;
  for (const MetaTaskData& task : tasks)
    for (const std::vector<EncodedRow>* rows :
         {&task.rows.upper, &task.rows.lower, &task.rows.unseen, &task.held_out})
      extent.cover(*rows);
  return extent;
}

/// What the chances of tasks to be drawn are proportional to: 1, n or n^(1/temperature) for n training rows.
inline std::vector<double> task_weights(const MetaTrainOptions& options,
                                        const std::vector<MetaTaskData>& tasks) {
  if (options.sampling == "uniform") return {};
  const double power = options.sampling == "proportional" ? 1.0 : 1.0 / options.temperature;
  std::vector<double> weights;
  for (const MetaTaskData& task : tasks)
    weights.push_back(std::pow(static_cast<double>(task.training_rows()), power));
  return weights;
}

/// The tasks as problems that a solver takes: one each, or one mixture where they share their adapters.
template <class Backend>
std::vector<BasicMetaTask<Backend>> meta_problems(model::BasicTransformer<Backend>& transformer, Work& work,
                                                  const MetaTrainOptions& options,
                                                  const std::vector<MetaTaskData>& tasks) {
  using Task = BasicMetaTask<Backend>;
  std::vector<Task> list;
  const bool adapted = options.method != "joint-mezo";
  if (options.tied()) {
    typename Task::Setup mixture{
        {}, options.batch, adapted, options.tasks_per_step, task_weights(options, tasks)};
    for (const MetaTaskData& task : tasks) mixture.tasks.push_back(task.rows);
    list.emplace_back(transformer, work, std::move(mixture));
    return list;
  }
  for (const MetaTaskData& task : tasks)
    list.emplace_back(transformer, work, typename Task::Setup{{task.rows}, options.batch, adapted});
  return list;
}

/// What meta.json says of a run from the backbone whose hash is `model`.
inline MetaRun describe(const MetaTrainOptions& options, const std::string& model,
                        const std::vector<MetaTaskData>& tasks) {
  MetaRun run;
  run.method = options.method;
  run.model = model;
  run.theta = options;
  run.tied = options.tied();
  run.merged = options.method == "joint-lora";
  run.adapted = options.adapted();
  for (const MetaTaskData& task : tasks)
    run.tasks.push_back({task.name(), task.data->task.options, task.training_rows()});
  return run;
}

/// What a run is of: it goes on only with the same model and rows.
inline nlohmann::json meta_identity(const model::Parameters& theta_0,
                                    const std::vector<MetaTaskData>& tasks) {
  nlohmann::json fields = {{"model", hash_of_model(theta_0)}};
  for (const MetaTaskData& task : tasks)
    fields["task " + task.name()] = hash_of_rows(task.rows.upper) + hash_of_rows(task.rows.lower) +
                                    hash_of_rows(task.rows.unseen) + hash_of_rows(task.held_out);
  return fields;
}

}  // namespace zofo::llm
