/// @file A whole training run in one call: from a model, tasks and options to a run folder and its result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/run_info.hpp"
#include "zofo/run/run_result.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/input_paths.hpp"
#include "zofo/train/progress.hpp"

namespace zofo::llm {

/// Where a run is written, and who observes it.
struct RunSettings {
  std::filesystem::path out;     ///< the run folder to make; with `saved` the one to continue in
  InputPaths paths = {};         ///< of model and tasks: recorded, and read again if needed
  Progress* progress = nullptr;  ///< null: silent
  std::function<bool()> interrupted = [] { return false; };  ///< called after each step; true ends the run
  std::optional<checkpoint::RunState> saved = {};            ///< read_state of the folder, to continue it
  std::optional<std::uint32_t> from_step = {};               ///< `saved` is read_checkpoint of this step
  Provenance provenance = {};                                ///< recorded in run.json
};

/// Trains by options of either command, selects the model, scores it and writes the run folder. Only the file
/// `done` is missing where the run was interrupted. The model's weights are those of the run afterwards.
/// Throws Error and leaves the folder unchanged where options, model and tasks do not fit together. A program
/// with its own Device includes train/impl/train_run.hpp.
template <class Device>
RunResult train_run(Device& device, Model& model, std::vector<data::TaskData> tasks, const RunOptions& o,
                    const RunSettings& settings);

/// Fine-tunes a model on a task. `options` start as preset(method) (config/method_presets.hpp); their
/// demonstrations and shots are sampled from the task's training examples.
template <class Device>
RunResult finetune(Device& device, Model& model, data::TaskData task, RunOptions options,
                   const RunSettings& settings);

/// Trains one backbone over many tasks, with a pair of adapters for each task. `options` start as
/// preset(Command::meta_train, method).
template <class Device>
RunResult meta_train(Device& device, Model& model, std::vector<data::TaskData> tasks, RunOptions options,
                     const RunSettings& settings);

/// A table of what a run would keep in the GPU's memory. Nothing is trained, and the run folder is removed
/// again. Throws Error as train_run does, and where the device plans no memory.
template <class Device>
std::string memory_plan(Device& device, Model& model, std::vector<data::TaskData> tasks, const RunOptions& o,
                        const RunSettings& settings);

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_TRAIN_RUN_INSTANCES(PREFIX, DEVICE)                                                           \
  PREFIX template RunResult train_run(DEVICE&, Model&, std::vector<data::TaskData>, const RunOptions&,     \
                                      const RunSettings&);                                                 \
  PREFIX template RunResult finetune(DEVICE&, Model&, data::TaskData, RunOptions, const RunSettings&);     \
  PREFIX template RunResult meta_train(DEVICE&, Model&, std::vector<data::TaskData>, RunOptions,           \
                                       const RunSettings&);                                                \
  PREFIX template std::string memory_plan(DEVICE&, Model&, std::vector<data::TaskData>, const RunOptions&, \
                                          const RunSettings&);

// zofo::llm holds those of the CPU.
ZOFO_TRAIN_RUN_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
