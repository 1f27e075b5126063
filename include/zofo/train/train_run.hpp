/// @file A whole training run in one call: from a model, tasks and options to a run folder and its result.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/read_curve.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_result.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/input_paths.hpp"
#include "zofo/train/progress.hpp"
#include "zofo/train/run_task.hpp"
#include "zofo/train/training.hpp"

namespace zofo::llm {

/// Where a run is written, and who follows it.
struct RunSettings {
  std::filesystem::path out;     ///< run folder to make; with `saved` the one to continue in
  InputPaths paths = {};            ///< where model and tasks came from: recorded, and read again if needed
  Progress* progress = nullptr;  ///< null: silent
  std::function<bool()> interrupted = [] { return false; };  ///< true ends the run after its step
  std::optional<checkpoint::RunState> saved = {};            ///< read_state of the folder, to continue it
};

namespace detail {

inline ResumeInfo resume_info_of(const Model& model, const RunOptions& o, const RunSettings& settings) {
  ResumeInfo resume_info{to_json(settings.paths), settings.paths.model, settings.saved, {}};
  if (!settings.paths.model.empty())
    resume_info.theta_0 = [file = settings.paths.model] { return load_model(file).parameters; };
  else if (o.early_stopping_patience > 0 && o.updates_backbone())
    resume_info.theta_0 = [kept = std::make_shared<const model::Parameters>(model.parameters.clone())] {
      return kept->clone();
    };
  return resume_info;
}

/// use(training, folder) with the training of a run whose folder was made, or opened. A run that never began
/// leaves nothing behind.
template <class Device, class Use>
auto with_training(Device& device, Model& model, std::vector<data::TaskData> data, const RunOptions& o,
                   const RunSettings& settings, Use&& use) {
  o.check(data.size());
  Progress silent("", nullptr);
  Progress& progress = settings.progress == nullptr ? silent : *settings.progress;
  for (const data::TaskData& task : data)
    for (const std::string& note : task.notes) progress.note(note);
  const RunFolder folder = settings.saved ? RunFolder::open(settings.out) : RunFolder(settings.out);
  try {
    const std::vector<RunTask> tasks = encode_tasks(model, std::move(data), o);
    Training<Device> training(device, {model, tasks, o, folder, progress}, settings.interrupted,
                              resume_info_of(model, o, settings));
    return use(training, folder);
  } catch (...) {
    // The folder is this process's own; it is only removed if empty.
    std::error_code ignored;
    if (!settings.saved) std::filesystem::remove(folder.path(), ignored);
    throw;
  }
}

inline void write_results(const RunFolder& folder, const RunResult& result, const RunOptions& o,
                          const InputPaths& paths) {
  const std::string task =
      paths.tasks.size() == 1 ? paths.tasks.front() : fmt::format("{} tasks", result.tasks.size());
  nlohmann::json report = to_json(result);
  if (o.command == Command::finetune)
    report = {{"model", paths.model}, {"task", task}, {"seed", o.seed}, {"methods", {report}}};
  folder.write("result.json", report.dump(2) + "\n");
  folder.write("curve.svg", curve_svg(fmt::format("{} on {}", o.method, task),
                                      {read_curve(std::string(info(o.method).title), folder.path())}));
}

}  // namespace detail

/// Trains by options of either command, selects the model, scores it and writes the run folder; complete but
/// for the file `done` where the run was interrupted. The model's weights are those of the run afterwards.
/// Throws Error, the folder as it was, where options, model and tasks do not go together.
template <class Device>
RunResult train_run(Device& device, Model& model, std::vector<data::TaskData> tasks, const RunOptions& o,
                    const RunSettings& settings) {
  return detail::with_training(device, model, std::move(tasks), o, settings,
                               [&](Training<Device>& training, const RunFolder& folder) {
                                 RunResult result = training.run();
                                 detail::write_results(folder, result, o, settings.paths);
                                 if (!result.interrupted) folder.mark_done();
                                 return result;
                               });
}

/// Fine-tunes a model on a task. `options` begin as preset(method) (config/method_presets.hpp);
/// demonstrations and shots that they name are taken from the task's training rows.
template <class Device>
RunResult finetune(Device& device, Model& model, data::TaskData task, RunOptions options,
                   const RunSettings& settings) {
  options.command = Command::finetune;
  std::vector<data::TaskData> tasks;
  tasks.push_back(prepared(std::move(task), options));
  return train_run(device, model, std::move(tasks), options, settings);
}

/// Trains one backbone over many tasks, a pair of adapters a task. `options` begin as
/// preset(Command::meta_train, method).
template <class Device>
RunResult meta_train(Device& device, Model& model, std::vector<data::TaskData> tasks, RunOptions options,
                     const RunSettings& settings) {
  options.command = Command::meta_train;
  for (data::TaskData& task : tasks) task = prepared(std::move(task), options);
  return train_run(device, model, std::move(tasks), options, settings);
}

/// A table of what a run would hold in the GPU's memory; nothing is trained, and the run folder is removed
/// again. Throws Error as train_run does, and where the device plans no memory.
template <class Device>
std::string memory_plan(Device& device, Model& model, std::vector<data::TaskData> tasks, const RunOptions& o,
                        const RunSettings& settings) {
  return detail::with_training(device, model, std::move(tasks), o, settings,
                               [&](Training<Device>&, const RunFolder& folder) -> std::string {
                                 std::filesystem::remove_all(folder.path());
                                 if constexpr (requires { device.plan(); })
                                   return device.plan().table();
                                 else
                                   fail("--memory-plan: only a GPU's memory is planned (--device cuda)");
                               });
}

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_TRAIN_RUN_INSTANCES(PREFIX, DEVICE)                                                             \
  PREFIX template RunResult train_run(DEVICE&, Model&, std::vector<data::TaskData>, const RunOptions&,       \
                                      const RunSettings&);                                                   \
  PREFIX template RunResult finetune(DEVICE&, Model&, data::TaskData, RunOptions, const RunSettings&);       \
  PREFIX template RunResult meta_train(DEVICE&, Model&, std::vector<data::TaskData>, RunOptions,             \
                                       const RunSettings&);                                                  \
  PREFIX template std::string memory_plan(DEVICE&, Model&, std::vector<data::TaskData>, const RunOptions&,   \
                                          const RunSettings&);

// zofo::llm holds those of the CPU.
ZOFO_TRAIN_RUN_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
