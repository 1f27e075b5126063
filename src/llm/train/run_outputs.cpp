#include "zofo/train/run_outputs.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/run/fingerprint.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/run/selected_model_file.hpp"
#include "zofo/train/adapter_checkpoints.hpp"

namespace zofo::llm {

void RunOutputs::describe() const {
  if (options.command == Command::meta_train) write_description({});
}

void RunOutputs::write(const Candidate& selected, std::uint32_t steps,
                       std::size_t validation_examples) const {
  if (options.command == Command::finetune) return write_model(selected, validation_examples);
  if (selected.steps < steps) write_description(selected.steps);
  write_adapters(selected.adapters);
}

void RunOutputs::write_description(std::optional<std::uint32_t> steps) const {
  std::vector<RunDescription::Task> list;
  for (const RunTask& task : tasks)
    list.push_back({task.name(), task.task().choices, task.training_examples()});
  RunDescription described = llm::describe(options, model_hash, std::move(list));
  described.steps = steps;
  folder.write(RunDescription::file, to_json(described).dump(2) + "\n");
}

void RunOutputs::write_model(const Candidate& selected, std::size_t validation_examples) const {
  SelectedModel model{selected.selected, selected.steps, selected.upper_loss, selected.lower_loss,
                      validation_examples};
  if (!selected.adapters.empty()) model.adapter = {layout, selected.adapters.front()};
  write_selected(folder.path(), config, model, adapter_base());
}

// An adapter of an updated backbone belongs to the run, not to the initial model.
std::string RunOutputs::adapter_base() const {
  return options.updates_backbone() ? folder.path().string() : base_model;
}

void RunOutputs::write_adapters(const std::vector<Eigen::VectorXf>& adapters) const {
  const std::string base = adapter_base();
  const auto write = [&](const std::filesystem::path& name, const Eigen::VectorXf& values) {
    write_run_adapter(folder.path() / name, config, layout, values, base);
  };
  if (options.merged()) return write(RunDescription::merged_folder, adapters.front());
  if (!options.adapted()) return;
  if (options.tied())
    return write(RunDescription::adapter_folder(RunDescription::tied_name), adapters.front());
  for (std::size_t i = 0; i < tasks.size(); ++i)
    write(RunDescription::adapter_folder(tasks[i].name()), adapters[i]);
}

RunResult result_of(const RunOptions& o, const std::vector<RunTask>& tasks, const Counters& counters,
                    const Candidate& selected) {
  RunResult result;
  result.command = o.command;
  result.method = o.method;
  result.adapter = o.adapter;
  std::size_t validation_examples = 0;
  for (const RunTask& task : tasks) {
    result.tasks.push_back(task.name());
    validation_examples += task.selection.size();
  }
  result.steps = counters.steps;
  result.seconds = counters.seconds;
  result.scoring_seconds = counters.scoring_seconds;
  result.passes = counters.passes(o.batch_size);
  result.selected = selected.selected;
  result.selected_steps = selected.steps;
  result.selection = selection_reason(o, selected, counters.steps, validation_examples);
  if (selected.adapters.size() == 1) result.adapter_hash = hash_of(selected.adapters.front());
  return result;
}

}  // namespace zofo::llm
