/// @file Adapts a model, or the result of a meta-training, to new tasks from a few examples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/task.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/train/adapt_options.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/run_inputs.hpp"

namespace zofo::llm {

/// The start values and the examples of an adaptation.
struct AdaptRequest {
  std::filesystem::path run;                ///< folder of a meta-training; empty: the model itself
  std::vector<Count> counts;                ///< numbers of examples
  std::vector<std::string> starts{"zero"};  ///< zero, mean or the name of one of the run's adapters
  bool in_context = false;                  ///< train nothing: put the examples before every prompt
  bool special = false;                     ///< texts may contain control tokens; the run's may, too
  std::size_t max_eval_samples = 500;       ///< validation examples that are scored, 0: all
  std::uint32_t lora_rank = 8;              ///< of adapters that start at zero, like the next two
  double lora_alpha = 16.0;                 ///< scale
  std::string lora_target_modules = "q_proj,v_proj";  ///< separated by commas
  AdaptOptions options;                               ///< of the training
  std::filesystem::path out;              ///< folder to make for the only adapter; empty: none is written
  std::string base_model;                 ///< name of the model in that folder
  std::string_view dashes = flag_dashes;  ///< before the names of these fields in messages

  /// Throws Error naming the field out of range for so many tasks.
  void check(std::size_t tasks) const;
};

/// Called with the task, the number of examples, the start and the results of its subsets.
using AdaptObserver =
    std::function<void(const data::TaskData&, Count, const std::string&, const std::vector<FewShotResult>&)>;

/// Fits adapters to random subsets of each task's examples, for every number of examples and every start, and
/// scores them on the task's validation examples. `observer` is called when the subsets of a task, a number
/// and a start are done; the start of in-context learning is "in-context". Throws Error naming what does not
/// fit; subsets that are too large are refused before anything is computed. A program with its own Device
/// includes train/impl/adapt_tasks.hpp.
template <class Device>
void adapt(Device& device, Model& model, std::span<const data::TaskData> tasks, const AdaptRequest& request,
           const AdaptObserver& observer);

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_ADAPT_INSTANCES(PREFIX, DEVICE)                                                        \
  PREFIX template void adapt(DEVICE&, Model&, std::span<const data::TaskData>, const AdaptRequest&, \
                             const AdaptObserver&);

// zofo::llm holds those of the CPU.
ZOFO_ADAPT_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
