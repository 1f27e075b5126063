/// @file The plan of a comparison: tasks, methods and seeds with one budget.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/compare/settings.hpp"
#include "zofo/config/option_enums.hpp"
#include "zofo/config/renamed_options.hpp"

namespace zofo::compare {

/// The label of the untrained model's row.
inline constexpr std::string_view zero_shot = "zero-shot";

/// A method with its own options. The label names it in folders and tables; the same method may occur with
/// several labels.
struct Arm {
  std::string label;                          ///< the name in folders and tables, unique in a plan
  llm::Method method = llm::Method::bilevel;  ///< of training
  std::vector<Setting> settings = {};         ///< each option at most once
};

/// A task's name, and the value of `--task` of its runs: the name of a definition, or a folder with a
/// task.toml.
struct TaskPlan {
  std::string name;   ///< in folders and tables
  std::string place;  ///< value of `--task`
};

/// One run.
struct Cell {
  std::size_t task;    ///< index in the plan
  std::size_t arm;     ///< index in the plan
  std::uint64_t seed;  ///< value of `--seed`
};

/// Fields of a comparison that were renamed in this release.
inline constexpr std::array<llm::RenamedOption, 3> plan_fields{
    {{"seconds", "max_seconds"}, {"passes", "max_forward_passes"}, {"rows", "max_eval_samples"}}};

/// A comparison: every task with every arm and every seed.
struct Plan {
  std::string model;                              ///< file or folder
  std::uint64_t model_bytes = 0;                  ///< size of the file, 0 for a folder
  std::string data;                               ///< folder of examples
  std::string definitions;                        ///< folder of task definitions
  std::vector<TaskPlan> tasks;                    ///< in the order of the runs
  std::vector<Arm> arms;                          ///< in the order of the runs
  std::vector<std::uint64_t> seeds;               ///< every arm runs with each
  double seconds = 0.0;                           ///< of training, for each run; 0: no limit
  double passes = 0.0;                            ///< forward-equivalent passes of each run; 0: no limit
  double epochs = 0.0;                            ///< passes over the training examples; 0: no limit
  std::uint64_t rows = 0;                         ///< held-out examples scored, 0: all
  llm::DeviceKind device = llm::DeviceKind::cpu;  ///< of all runs
  std::uint64_t threads = 1;                      ///< of a run on the CPU

  /// Throws Error naming the first field that is out of range or has a duplicate, or an option of an arm that
  /// `zofo finetune` would refuse. Rewrites the values of settings in the shortest form.
  void check();
  /// All runs of a task after those of the task before; within a task all methods of a seed before the next
  /// seed.
  [[nodiscard]] std::vector<Cell> cells() const;
  /// A run's options in addition to those of its arm.
  [[nodiscard]] std::vector<Setting> settings_of(std::uint64_t seed) const;
};

/// The settings that `zofo evaluate` accepts and that have the same value in all arms.
std::vector<Setting> shared_by_evaluation(const Plan& plan);

}  // namespace zofo::compare
