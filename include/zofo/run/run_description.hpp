/// @file meta.json: the description of a meta-training in its folder, with its model and tasks.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/runtime/make_policies.hpp"

namespace zofo::llm {

/// Throws Error unless `name`, a task's name, can be the name of a folder.
void check_folder_name(const std::string& name);

/// Options of zeroth-order updates as JSON.
nlohmann::json to_json(const ZerothOrderOptions& options);
/// Options of zeroth-order updates from JSON; files of earlier releases have old names. Throws Error naming
/// file and field if one is missing or out of range.
ZerothOrderOptions zeroth_order_from(const checkpoint::JsonFields& file);

/// The contents of meta.json.
struct RunDescription {
  /// A task of the run.
  struct Task {
    std::string name;                  ///< of the task and its adapter's folder
    std::vector<std::string> options;  ///< answer choices
    std::uint64_t rows = 0;            ///< number of training examples
  };

  Method method = Method::bilevel;                 ///< the training method
  std::string model;                               ///< hash of θ_0
  ZerothOrderOptions theta;                        ///< estimator, distribution and optimiser of θ's updates
  ScheduleKind schedule = ScheduleKind::constant;  ///< of θ's learning rate
  std::uint32_t warmup_steps = 0;                  ///< of the schedule
  std::uint32_t decay_steps = 0;                   ///< outer step at which the schedule ends
  bool tied = false;                               ///< one adapter for all tasks
  bool adapted = false;                            ///< the folder has adapters for adaptation
  bool merged = false;                             ///< the folder has an adapter to merge into the weights
  std::vector<Task> tasks;                         ///< in the order of the run
  /// Steps of the trajectory that lead to the selected backbone after early stopping; unset: all.
  std::optional<std::uint32_t> steps = {};

  /// The file's name in the run folder.
  static constexpr const char* file = "meta.json";
  /// The folder of the adapter to merge.
  static constexpr const char* merged_folder = "merged";
  /// The name of an adapter that all tasks share.
  static constexpr const char* tied_name = "tied";
  /// The folder of a task's adapter, relative to the run folder.
  [[nodiscard]] static std::filesystem::path adapter_folder(const std::string& task);

  /// Names of the adapters: those of the tasks, or tied_name.
  [[nodiscard]] std::vector<std::string> adapter_names() const;
  /// Throws Error unless θ_0 is the model of the run.
  void check_backbone(const std::filesystem::path& run, const model::Parameters& theta_0) const;
  /// Throws Error if the run trained a task of this name with other answer choices.
  void check_words(const std::filesystem::path& run, const std::string& name,
                   const std::vector<std::string>& options) const;
};

/// The description of a run with these options; `model` is the hash of θ_0.
RunDescription describe(const RunOptions& o, std::string model, std::vector<RunDescription::Task> tasks);

/// The description in the form of meta.json.
nlohmann::json to_json(const RunDescription& run);

/// Reads meta.json of a run folder. Throws Error naming file and field.
RunDescription read_description(const std::filesystem::path& run);

/// Writes an adapter of a run in peft's format; replaces that of an earlier end of the same run. Throws Error
/// naming the file if the write fails.
void write_run_adapter(const std::filesystem::path& folder, const model::Config& config,
                       const peft::Adapter& layout, const Eigen::VectorXf& values,
                       const std::string& base_model);

/// True if a vector of values means the same in both layouts.
bool same_layout(const peft::Adapter& a, const peft::Adapter& b);

/// The mean of the run's adapters, a start for a new task. Throws Error if the run has no adapters, or their
/// layouts differ.
peft::PeftAdapter mean_adapter(const std::filesystem::path& run, const RunDescription& described,
                               const model::Config& config);

/// Merges the run's adapter into θ_0 if the run has one to merge. Call it before θ is uploaded to a device.
void merge_run(const std::filesystem::path& run, const RunDescription& described, model::Parameters& theta);

/// Replays the run's trajectory on `theta`, which is θ_0. The result is θ_K bit for bit. Throws Error if the
/// device of θ does not support the updates.
template <class Theta>
void replay_run(const RunDescription& described, std::span<const TrajectoryStep> steps, Theta& theta) {
  const auto last = static_cast<std::uint32_t>(std::min<std::size_t>(
      steps.size(), described.steps.value_or(std::numeric_limits<std::uint32_t>::max())));
  if (last == 0) return;
  const RateSchedule schedule{described.schedule, described.warmup_steps, described.decay_steps};
  replay(make_perturbation(described.theta, theta),
         make_outer(described.theta, schedule.of(described.theta.zo_learning_rate)), steps, last, theta);
}

}  // namespace zofo::llm
