/// @file Templates of train/train_run.hpp, for a program with its own device.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/run/resume_info.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/run_task.hpp"
#include "zofo/train/start_adapter.hpp"
#include "zofo/train/train_run.hpp"
#include "zofo/train/training.hpp"

namespace zofo::llm {

namespace detail {

/// What a run records for a resumption, and how it reads the initial weights again.
ResumeInfo resume_info_of(const Model& model, const RunOptions& o, const RunSettings& settings);

/// Writes result.json and curve.svg.
void write_results(const RunFolder& folder, const RunResult& result, const RunOptions& o,
                   const InputPaths& paths);

/// Writes run.json, and copies of the tasks' definitions and held-out examples, of a new run; for a run that
/// continues, adds the command to run.json. `model_hash` is that of θ_0.
void record_run(const RunFolder& folder, const std::vector<RunTask>& tasks, const RunOptions& o,
                const RunSettings& settings, const std::string& model_hash);

/// The options as the run records them: with the end of a schedule that the epochs determine. Reports how
/// many steps the epochs are, and whether their number was `given`.
RunOptions with_epochs(RunOptions o, bool given, const std::vector<RunTask>& tasks, Progress& progress);

/// Makes or opens the run folder, and returns use(training, folder, record); record() writes run.json. A new
/// folder is removed where the training cannot be made.
template <class Device, class Use>
auto with_training(Device& device, Model& model, std::vector<data::TaskData> data, const RunOptions& given,
                   const RunSettings& settings, Use&& use) {
  const RunOptions limited = with_start_adapter(with_default_budget(given), model.parameters.config(),
                                                settings.saved ? settings.out : "");
  limited.check(data.size());
  Progress silent("", nullptr);
  Progress& progress = settings.progress == nullptr ? silent : *settings.progress;
  for (const data::TaskData& task : data)
    for (const std::string& note : task.notes) progress.note(note);
  const RunFolder folder = settings.saved ? RunFolder::open(settings.out) : RunFolder(settings.out);
  try {
    model.tokenizer = model.tokenizer.with_special(limited.special);
    const std::vector<RunTask> tasks = encode_tasks(model, std::move(data), limited);
    const RunOptions o = with_epochs(limited, given.has_budget(), tasks, progress);
    const std::string model_hash = hash_of_model(model.parameters);
    Training<Device> training(device, {model, tasks, o, folder, progress}, settings.interrupted,
                              resume_info_of(model, o, settings));
    return use(training, folder, [&] { record_run(folder, tasks, o, settings, model_hash); });
  } catch (...) {
    // This process made the folder; it is removed only if empty.
    std::error_code ignored;
    if (!settings.saved) std::filesystem::remove(folder.path(), ignored);
    throw;
  }
}

}  // namespace detail

template <class Device>
RunResult train_run(Device& device, Model& model, std::vector<data::TaskData> tasks, const RunOptions& o,
                    const RunSettings& settings) {
  return detail::with_training(device, model, std::move(tasks), o, settings,
                               [&](Training<Device>& training, const RunFolder& folder, const auto& record) {
                                 record();
                                 RunResult result = training.run();
                                 detail::write_results(folder, result, o, settings.paths);
                                 if (!result.interrupted) folder.mark_done();
                                 return result;
                               });
}

template <class Device>
RunResult finetune(Device& device, Model& model, data::TaskData task, RunOptions options,
                   const RunSettings& settings) {
  options.command = Command::finetune;
  std::vector<data::TaskData> tasks;
  tasks.push_back(prepared(std::move(task), options));
  return train_run(device, model, std::move(tasks), options, settings);
}

template <class Device>
RunResult meta_train(Device& device, Model& model, std::vector<data::TaskData> tasks, RunOptions options,
                     const RunSettings& settings) {
  options.command = Command::meta_train;
  for (data::TaskData& task : tasks) task = prepared(std::move(task), options);
  return train_run(device, model, std::move(tasks), options, settings);
}

template <class Device>
std::string memory_plan(Device& device, Model& model, std::vector<data::TaskData> tasks, const RunOptions& o,
                        const RunSettings& settings) {
  return detail::with_training(device, model, std::move(tasks), o, settings,
                               [&](Training<Device>&, const RunFolder& folder, const auto&) -> std::string {
                                 std::filesystem::remove_all(folder.path());
                                 if constexpr (requires { device.plan(); })
                                   return device.plan().table();
                                 else
                                   fail("--memory-plan: only a GPU's memory is planned (--device cuda)");
                               });
}

}  // namespace zofo::llm
