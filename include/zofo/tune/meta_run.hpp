/// @file The folder of a meta-trained run: the backbone's way, the adapters, and what they belong to.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/tune/merge_lora.hpp"
#include "zofo/tune/run_folder.hpp"

namespace zofo::tune {

/// A number that weights have in common with no others but by accident (FNV-1a over their bits).
inline std::string fingerprint(const model::Parameters& theta) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const float value : theta.values())
    hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

/// What meta.json says of a run.
struct MetaRun {
  /// A task of the run.
  struct Task {
    std::string name;
    std::vector<std::string> options;
    std::uint64_t rows = 0;
  };

  std::string method;
  std::string model;  ///< fingerprint of θ_0
  std::string direction = "gaussian";
  bool tied = false;     ///< one adapter for all tasks
  bool adapted = false;  ///< it holds adapters to start from
  bool merged = false;   ///< an adapter belongs into the weights
  std::vector<Task> tasks;

  static constexpr const char* file = "meta.json";
  static constexpr const char* merged_folder = "merged";
  /// Where the adapter of a task lies.
  [[nodiscard]] static std::filesystem::path adapter_folder(const std::string& task) {
    return std::filesystem::path("adapters") / task;
  }
  static constexpr const char* tied_name = "tied";

  /// Names of the adapters: those of the tasks, or that of all.
  [[nodiscard]] std::vector<std::string> adapter_names() const {
    if (!adapted) return {};
    if (tied) return {tied_name};
    std::vector<std::string> names;
    for (const Task& task : tasks) names.push_back(task.name);
    return names;
  }
  /// Throws Error unless θ_0 is the run's.
  void check_backbone(const std::filesystem::path& run, const model::Parameters& theta_0) const {
    const std::string given = fingerprint(theta_0);
    require(model == given,
            "{}: the run was begun with another backbone (fingerprint {}, the model given has {})",
            (run / file).string(), model, given);
  }
  /// Throws Error where the run trained a task of this name with other option words.
  void check_words(const std::filesystem::path& run, const std::string& name,
                   const std::vector<std::string>& options) const {
    for (const Task& task : tasks)
      require(task.name != name || task.options == options,
              "{}: task '{}': the run trained it with the option words ['{}'], not ['{}']",
              (run / file).string(), name, fmt::join(task.options, "', '"), fmt::join(options, "', '"));
  }
};

inline nlohmann::json to_json(const MetaRun& run) {
  nlohmann::json tasks = nlohmann::json::array();
  for (const MetaRun::Task& task : run.tasks)
    tasks.push_back({{"name", task.name}, {"options", task.options}, {"rows", task.rows}});
  return {{"method", run.method}, {"model", run.model},     {"direction", run.direction},
          {"tied", run.tied},     {"adapted", run.adapted}, {"merged", run.merged},
          {"tasks", tasks}};
}

/// Reads meta.json of a run. Throws Error naming file and field.
inline MetaRun read_meta_run(const std::filesystem::path& run) {
  const std::filesystem::path path = run / MetaRun::file;
  require(std::filesystem::exists(path), "{}: no such file: not the folder of a meta-trained run",
          path.string());
  MetaRun made;
  try {
    const nlohmann::json all = nlohmann::json::parse(read_all(path));
    made.method = all.at("method").get<std::string>();
    made.model = all.at("model").get<std::string>();
    made.direction = all.at("direction").get<std::string>();
    made.tied = all.at("tied").get<bool>();
    made.adapted = all.at("adapted").get<bool>();
    made.merged = all.at("merged").get<bool>();
    for (const nlohmann::json& task : all.at("tasks"))
      made.tasks.push_back({task.at("name").get<std::string>(),
                            task.at("options").get<std::vector<std::string>>(),
                            task.at("rows").get<std::uint64_t>()});
  } catch (const nlohmann::json::exception& error) {
    fail("{}: {}", path.string(), error.what());
  }
  require(made.direction == "gaussian" || made.direction == "rademacher",
          "{}: direction = \"{}\": must be gaussian or rademacher", path.string(), made.direction);
  return made;
}

/// The mean of the run's adapters, all of one layout: the start that the tasks agree on. Throws Error where
/// it holds none, or they differ in layout.
inline peft::PeftLora mean_adapter(const std::filesystem::path& run, const MetaRun& described,
                                   const model::Config& config) {
  const std::vector<std::string> names = described.adapter_names();
  require(!names.empty(), "{}: a run of method {} holds no adapters to start from", run.string(),
          described.method);
  peft::PeftLora mean = peft::read_peft_lora(run / MetaRun::adapter_folder(names.front()), config);
  Eigen::VectorXd sum = mean.values.cast<double>();
  for (std::size_t i = 1; i < names.size(); ++i) {
    const peft::PeftLora next = peft::read_peft_lora(run / MetaRun::adapter_folder(names[i]), config);
    require(next.lora.options().targets == mean.lora.options().targets &&
                next.lora.rank() == mean.lora.rank() && next.lora.scale() == mean.lora.scale(),
            "{}: adapter '{}' is of another layout than '{}'", run.string(), names[i], names.front());
    sum += next.values.cast<double>();
  }
  mean.values = (sum / static_cast<double>(names.size())).cast<float>();
  return mean;
}

/// Puts into θ_0 what the run merged; before θ goes to a device.
inline void merge_run(const std::filesystem::path& run, const MetaRun& described, model::Parameters& theta) {
  if (!described.merged) return;
  const peft::PeftLora merged = peft::read_peft_lora(run / MetaRun::merged_folder, theta.config());
  merge_lora(theta, merged.lora, merged.values);
}
/// Moves θ along the run's trajectory.
template <class Theta>
void replay_run(const std::filesystem::path& run, const MetaRun& described, Theta& theta) {
  const std::vector<ZoTerm> moves = read_trajectory(run / "trajectory.jsonl");
  if (described.direction == "rademacher")
    replay(Rademacher{}, moves, theta);
  else
    replay(Gaussian{}, moves, theta);
}

}  // namespace zofo::tune
