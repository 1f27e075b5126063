/// @file What is compared: tasks, methods and seeds under one budget.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/compare/settings.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

/// The label of the row that no method trained.
inline constexpr std::string_view zero_shot = "zero-shot";

/// A method with options of its own. The label names it in folders and tables; the same method may appear
/// under several labels.
struct Arm {
  std::string label;
  llm::Method method = llm::Method::bilevel;
  std::vector<Setting> settings = {};
};

/// A task's name, and what `--task` is given: the name of a definition, or a folder with a task.toml.
struct TaskPlan {
  std::string name, place;
};

/// One run.
struct Cell {
  std::size_t task, arm;  ///< their numbers in the plan
  std::uint64_t seed;
};

/// Fields of a comparison that have another name since this release.
inline constexpr std::array<llm::RenamedOption, 3> plan_fields{
    {{"seconds", "max_seconds"}, {"passes", "max_forward_passes"}, {"rows", "max_eval_samples"}}};

/// A comparison: every task by every arm with every seed.
struct Plan {
  std::string model;
  std::uint64_t model_bytes = 0;  ///< size of the file, 0 for a folder
  std::string data, definitions;
  std::vector<TaskPlan> tasks;
  std::vector<Arm> arms;
  std::vector<std::uint64_t> seeds;
  double seconds = 0.0;    ///< of training, each run
  double passes = 0.0;     ///< or forward-equivalent passes, each run
  std::uint64_t rows = 0;  ///< held-out rows scored, 0: all
  llm::DeviceKind device = llm::DeviceKind::cpu;
  std::uint64_t threads = 1;  ///< of a run on the CPU

  /// Throws Error naming the first field that is out of range or given twice, and any option of any arm that
  /// `zofo finetune` would refuse. Writes the values of settings in the shortest way.
  void check();
  /// All runs; those of one seed of all methods come before those of the next.
  [[nodiscard]] std::vector<Cell> cells() const;
  /// A run's options beside its arm's own.
  [[nodiscard]] std::vector<Setting> settings_of(std::uint64_t seed) const;
};

namespace detail {

/// What a plan decides for all runs, so that no arm can.
inline constexpr std::array<std::string_view, 6> decided{
    "method", "seed", "max_seconds", "max_forward_passes", "device", "max_eval_samples"};

/// Throws Error unless a text can name a folder.
inline void check_name(const char* field, std::string_view name) {
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F && c != '/';
  });
  require(!name.empty() && name.size() <= 100 && name.front() != '.' && printable,
          "{} '{}': must be 1 to 100 printable characters without '/', the first no dot", field, name);
}

template <class T>
void check_unlike(const char* field, const std::vector<T>& values) {
  require(!values.empty(), "{}: none given, at least one needed", field);
  std::set<T> seen;
  for (const T& value : values) require(seen.insert(value).second, "{}: {} is given twice", field, value);
}

inline void check_arm(const Plan& plan, Arm& arm) {
  check_name("methods: label", arm.label);
  require(arm.label != zero_shot, "methods: label '{}': is that of the untrained model", arm.label);
  llm::RunOptions options = llm::preset(arm.method);
  for (Setting& setting : arm.settings) {
    require(std::find(decided.begin(), decided.end(), setting.option) == decided.end(),
            "set {}.{}: is the same for all runs of a comparison (--seeds, --max-seconds, "
            "--max-forward-passes, --device, --max-eval-samples)",
            arm.label, setting.option);
    try {
      apply(setting, options);
    } catch (const Error& error) {
      fail("set {}.{}", arm.label, error.what());
    }
  }
  for (Setting setting : plan.settings_of(plan.seeds.front())) apply(setting, options);
  try {
    options.check();
  } catch (const Error& error) {
    fail("methods: {}: {}", arm.label, error.what());
  }
}

}  // namespace detail

inline void Plan::check() {
  std::vector<std::string> names, labels;
  for (const TaskPlan& task : tasks) names.push_back(task.name);
  for (const Arm& arm : arms) labels.push_back(arm.label);
  detail::check_unlike("tasks", names);
  detail::check_unlike("methods", labels);
  detail::check_unlike("seeds", seeds);
  for (const std::string& name : names) detail::check_name("tasks:", name);
  for (const std::uint64_t seed : seeds)
    require(seed <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
            "seeds: {}: must be below 2^63", seed);
  require_in("max_seconds", seconds, 0.0, 1e9);
  require_in("max_forward_passes", passes, 0.0, 1e15);
  require((seconds > 0.0) != (passes > 0.0),
          "max_seconds = {} and max_forward_passes = {}: one budget must be positive, and the other left "
          "out",
          seconds, passes);
  require(threads >= 1 && threads <= 4096, "threads = {}: must be in [1, 4096]", threads);
  for (Arm& arm : arms) detail::check_arm(*this, arm);
}

inline std::vector<Cell> Plan::cells() const {
  std::vector<Cell> out;
  for (std::size_t task = 0; task < tasks.size(); ++task)
    for (const std::uint64_t seed : seeds)
      for (std::size_t arm = 0; arm < arms.size(); ++arm) out.push_back({task, arm, seed});
  return out;
}

inline std::vector<Setting> Plan::settings_of(std::uint64_t seed) const {
  std::vector<Setting> out{{"seed", fmt::format("{}", seed)}, {"device", std::string(llm::to_text(device))}};
  if (seconds > 0.0) out.push_back({"max_seconds", fmt::format("{}", seconds)});
  if (passes > 0.0) out.push_back({"max_forward_passes", fmt::format("{}", passes)});
  if (rows > 0) out.push_back({"max_eval_samples", fmt::format("{}", rows)});
  return out;
}

/// Those of the arms' settings that scoring the untrained model understands, where all arms agree on them.
inline std::vector<Setting> shared_by_evaluation(const Plan& plan) {
  std::vector<Setting> out;
  for (const Setting& setting : plan.arms.front().settings) {
    if (setting.option != "precision" && setting.option != "template" && setting.option != "demonstrations")
      continue;
    const auto agrees = [&](const Arm& arm) {
      return std::any_of(arm.settings.begin(), arm.settings.end(), [&](const Setting& each) {
        return each.option == setting.option && each.value == setting.value;
      });
    };
    if (std::all_of(plan.arms.begin(), plan.arms.end(), agrees)) out.push_back(setting);
  }
  return out;
}

}  // namespace zofo::compare
