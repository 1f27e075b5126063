/// @file Adapting a model, or a meta-trained run, to new tasks from a few examples.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/few_shot_adaptation.hpp"

namespace zofo::llm {

/// What is adapted, from where, by how many examples.
struct AdaptRequest {
  std::filesystem::path run;                ///< folder of a meta-training; empty: the model itself
  std::vector<Count> counts;                ///< numbers of examples
  std::vector<std::string> starts{"zero"};  ///< zero, mean or the name of one of the run's adapters
  bool in_context = false;                  ///< train nothing: show the examples before every prompt
  std::size_t max_eval_samples = 500;       ///< held-out rows scored, 0: all
  std::uint32_t lora_rank = 8;              ///< of adapters that start at zero, as the next two
  double lora_alpha = 16.0;
  std::string lora_target_modules = "q_proj,v_proj";
  AdaptOptions options;
  std::filesystem::path out;  ///< folder to make for the only adapter; empty: none is written
  std::string base_model;     ///< what that folder calls the model

  /// Throws Error naming what is out of range for so many tasks.
  void check(std::size_t tasks) const {
    options.check();
    require(!counts.empty(), "--shots or --examples: one must be given");
    for (const std::string& start : starts)
      require(start == "zero" || !run.empty(), "--start {}: --run must name a meta-trained run", start);
    if (out.empty()) return;
    require(!in_context, "--out: in-context learning trains no adapter to write");
    require(tasks == 1 && counts.size() == 1 && starts.size() == 1 && options.num_seeds == 1,
            "--out: takes the adapter of one task, number of examples, start and draw; several are named");
    std::error_code ignored;
    require(!std::filesystem::exists(out, ignored), "{}: already exists: name a new folder", out.string());
  }
};

/// Where an adapter starts.
struct AdapterStart {
  std::string name;
  peft::Adapter layout;
  Eigen::VectorXf values;  ///< empty: each draw has a start of its own
};

namespace detail {

inline AdapterStart read_start(const std::string& name, const AdaptRequest& request,
                               const std::optional<RunDescription>& described, const model::Config& config) {
  if (name == "zero")
    return {name, make_lora(config, request.lora_rank, request.lora_alpha, request.lora_target_modules), {}};
  if (name == "mean") {
    peft::PeftAdapter mean = mean_adapter(request.run, *described, config);
    return {name, std::move(mean.layout), std::move(mean.values)};
  }
  const std::vector<std::string> names = described->adapter_names();
  require(std::ranges::find(names, name) != names.end(),
          "--start {}: must be zero, mean or the name of an adapter of {} ({})", name, request.run.string(),
          names.empty() ? "it has none" : fmt::format("{}", fmt::join(names, ", ")));
  peft::PeftAdapter read = peft::read_peft(request.run / RunDescription::adapter_folder(name), config);
  return {name, std::move(read.layout), std::move(read.values)};
}

inline std::vector<AdapterStart> read_starts(const AdaptRequest& request,
                                             const std::optional<RunDescription>& described,
                                             const model::Config& config) {
  std::vector<AdapterStart> list;
  for (const std::string& name : request.starts) {
    list.push_back(read_start(name, request, described, config));
    require(same_layout(list.back().layout, list.front().layout),
            "--start {}: its rank, scale or projections are not those of --start {} (--lora-rank, "
            "--lora-alpha and --lora-target-modules are those of zero)",
            list.back().name, list.front().name);
  }
  return list;
}

inline void write_adapted(const AdaptRequest& request, const model::Config& config,
                          const peft::Adapter& layout, const Eigen::VectorXf& values, bool backbone_updated) {
  checkpoint::AtomicFolder folder(request.out);
  peft::write_peft(folder.part(), config, layout,
                   std::span(values.data(), static_cast<std::size_t>(values.size())),
                   backbone_updated ? request.run.string() : request.base_model);
  folder.commit();
}

}  // namespace detail

/// Called with the task, the number of examples, the start and the results of its subsets.
using AdaptObserver =
    std::function<void(const data::TaskData&, Count, const std::string&, const std::vector<FewShotResult>&)>;

/// Fits adapters to draws of each task's examples, for every number of examples and every start, and scores
/// them on the task's held-out rows. `told(task, count, start, draws)` hears of each list of draws when it is
/// done; the start of in-context learning is "in-context". Throws Error naming what does not fit; what a draw
/// could not be made of is refused before anything is computed.
template <class Device>
void adapt(Device& device, Model& model, std::span<const data::TaskData> tasks, const AdaptRequest& request,
           const AdaptObserver& told) {
  request.check(tasks.size());
  std::optional<RunDescription> described;
  if (!request.run.empty()) described = read_description(request.run);
  for (const data::TaskData& task : tasks) {
    for (const data::TaskData& other : tasks)
      require(&other == &task || other.task.name != task.task.name, "tasks: '{}' is named twice",
              task.task.name);
    for (const Count count : request.counts)
      static_cast<void>(sample_examples(task, count, request.options.seed));
    if (described) described->check_words(request.run, task.task.name, task.task.choices);
  }
  std::vector<TrajectoryStep> trajectory;
  if (described) {
    described->check_backbone(request.run, model.parameters);
    merge_run(request.run, *described, model.parameters);
    trajectory = read_trajectory(request.run / "trajectory.jsonl");
  }
  const model::Config& config = model.parameters.config();
  const std::vector<AdapterStart> starts = detail::read_starts(request, described, config);
  auto& theta = device.place(model.parameters);
  if (described) replay_run(*described, trajectory, theta);
  const peft::Adapter& layout = starts.front().layout;
  model::BasicTransformer<typename Device::Backend> transformer(device.backend(), config, layout);
  for (const data::TaskData& task : tasks) {
    Adaptation<Device> adaptation(device, model, transformer, theta, task, request.max_eval_samples);
    for (const Count count : request.counts) {
      if (request.in_context) {
        told(task, count, std::string("in-context"), adaptation.in_context(count, request.options));
        continue;
      }
      for (const AdapterStart& start : starts) {
        const auto draws = adaptation.fit(layout, start.values, count, request.options);
        if (!request.out.empty())
          detail::write_adapted(request, config, layout, draws.front().adapter,
                                described && (described->merged || !trajectory.empty()));
        told(task, count, start.name, draws);
      }
    }
  }
}

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_ADAPT_INSTANCES(PREFIX, DEVICE)                                                     \
  PREFIX template void adapt(DEVICE&, Model&, std::span<const data::TaskData>, const AdaptRequest&, \
                             const AdaptObserver&);

// zofo::llm holds those of the CPU.
ZOFO_ADAPT_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
