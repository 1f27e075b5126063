/// @file What a run writes of its result: the selected model, or the adapters of its tasks.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/model/config.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/selected_model_file.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// Writes the result of a run to its folder: of a fine-tuning served.json and one adapter; of a meta-training
/// meta.json and the adapters of its tasks. Borrows all but the names.
struct RunOutputs {
  const RunFolder& folder;
  const RunOptions& options;
  const std::vector<RunTask>& tasks;
  const model::Config& config;
  const peft::Adapter& layout;
  std::string base_model;  ///< what the adapters' folders call θ_0
  std::string model_hash;  ///< of θ_0

  /// What a meta-trained run is of, before its first step; nothing of a fine-tuning.
  void describe() const {
    if (options.command == Command::meta_train) write_description({});
  }
  /// The model that was selected of a run of `steps` steps. Throws Error naming the file when the disk
  /// refuses.
  void write(const Candidate& selected, std::uint32_t steps, std::size_t validation_examples) const {
    if (options.command == Command::finetune) return write_model(selected, validation_examples);
    if (selected.steps < steps) write_description(selected.steps);
    write_adapters(selected.adapters);
  }

 private:
  void write_description(std::optional<std::uint32_t> steps) const {
    std::vector<RunDescription::Task> list;
    for (const RunTask& task : tasks)
      list.push_back({task.name(), task.task().choices, task.training_examples()});
    RunDescription described = llm::describe(options, model_hash, std::move(list));
    described.steps = steps;
    folder.write(RunDescription::file, to_json(described).dump(2) + "\n");
  }
  void write_model(const Candidate& selected, std::size_t validation_examples) const {
    SelectedModel model{selected.selected, selected.steps, selected.upper_loss, selected.lower_loss,
                        validation_examples};
    if (!selected.adapters.empty()) model.adapter = {layout, selected.adapters.front()};
    write_selected(folder.path(), config, model, base_model);
  }
  void write_adapters(const std::vector<Eigen::VectorXf>& adapters) const {
    // An adapter of an updated backbone belongs to the run, not to the model that it began with.
    const std::string base = options.updates_backbone() ? folder.path().string() : base_model;
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
};

}  // namespace zofo::llm
