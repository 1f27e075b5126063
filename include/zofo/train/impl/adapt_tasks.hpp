/// @file Templates of train/adapt_tasks.hpp, for a program with its own device.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "zofo/core/trajectory.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/few_shot_adaptation.hpp"
#include "zofo/train/run_inputs.hpp"

namespace zofo::llm {

namespace detail {

/// Where an adapter starts.
struct AdapterStart {
  std::string name;
  peft::Adapter layout;
  Eigen::VectorXf values;  ///< empty: each subset starts at the initial values of its seed
};

/// Reads the description of the request's run, if it has one. Throws Error naming what is out of range or
/// does not fit the tasks.
std::optional<RunDescription> check_adaptation(const AdaptRequest& request,
                                               std::span<const data::TaskData> tasks);

/// The starts of a request. Throws Error where their layouts differ.
std::vector<AdapterStart> read_starts(const AdaptRequest& request,
                                      const std::optional<RunDescription>& described,
                                      const model::Config& config);

/// Writes an adapter to the request's new folder.
void write_adapted(const AdaptRequest& request, const model::Config& config, const peft::Adapter& layout,
                   const Eigen::VectorXf& values, bool backbone_updated);

}  // namespace detail

template <class Device>
void adapt(Device& device, Model& model, std::span<const data::TaskData> tasks, const AdaptRequest& request,
           const AdaptObserver& observer) {
  const std::optional<RunDescription> described = detail::check_adaptation(request, tasks);
  model.tokenizer = model.tokenizer.with_special(request.special || reads_special(request.run.string()));
  std::vector<TrajectoryStep> trajectory;
  if (described) {
    described->check_backbone(request.run, model.parameters);
    merge_run(request.run, *described, model.parameters);
    trajectory = read_trajectory(request.run / "trajectory.jsonl");
  }
  const model::Config& config = model.parameters.config();
  const std::vector<detail::AdapterStart> starts = detail::read_starts(request, described, config);
  auto& theta = device.place(model.parameters);
  if (described) replay_run(*described, trajectory, theta);
  const peft::Adapter& layout = starts.front().layout;
  model::BasicTransformer<typename Device::Backend> transformer(device.backend(), config, layout);
  for (const data::TaskData& task : tasks) {
    Adaptation<Device> adaptation(device, model, transformer, theta, task, request.max_eval_samples);
    for (const Count count : request.counts) {
      if (request.in_context) {
        observer(task, count, std::string("in-context"), adaptation.in_context(count, request.options));
        continue;
      }
      for (const detail::AdapterStart& start : starts) {
        const auto results = adaptation.fit(layout, start.values, count, request.options);
        if (!request.out.empty())
          detail::write_adapted(request, config, layout, results.front().adapter,
                                described && (described->merged || !trajectory.empty()));
        observer(task, count, start.name, results);
      }
    }
  }
}

}  // namespace zofo::llm
