/// @file The folder of a meta-trained run: the backbone's way, the adapters, and what they belong to.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/runtime/make_policies.hpp"

namespace zofo::llm {

/// Throws Error if a name could not be a folder's of the run.
inline void check_folder_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  require(!name.empty() && name.front() != '.' && std::ranges::all_of(name, plain),
          "task '{}': its name must be of letters, digits, '_', '-' and '.', the first no '.'", name);
}

/// Options of zeroth-order steps as JSON, and back. Throws Error naming file and field where one is missing
/// or out of range.
inline nlohmann::json to_json(const ZerothOrderOptions& options) {
  nlohmann::json fields = {{"seed", options.seed}};
  for_each_zeroth_order_option(
      options, [&fields](const char* name, const auto& value, const char*) { fields[name] = value; });
  return fields;
}
inline ZerothOrderOptions zeroth_order_from(const checkpoint::JsonFields& file) {
  ZerothOrderOptions options;
  for_each_zeroth_order_option(options, [&file]<class T>(const char* name, T& field, const char*) {
    if constexpr (std::is_same_v<T, std::string>)
      field = file.string(name);
    else if constexpr (std::is_same_v<T, bool>)
      field = file.boolean(name);
    else if constexpr (std::is_floating_point_v<T>)
      field = file.number(name);
    else
      field = file.integer(name);
  });
  if (!file.at("seed").is_number_unsigned()) file.refuse("seed", "an integer in [0, 2^64 - 1]");
  options.seed = file.at("seed").get<std::uint64_t>();
  parse::with_place(file.place(), [&options] { check_zeroth_order(options); });
  return options;
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
  std::string model;         ///< hash of θ_0
  ZerothOrderOptions theta;  ///< law and optimiser of the steps, which a replay needs, and their estimates
  bool tied = false;         ///< one adapter for all tasks
  bool adapted = false;      ///< it holds adapters to start from
  bool merged = false;       ///< an adapter belongs into the weights
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
    const std::string given = hash_of_model(theta_0);
    require(model == given,
            "{}: the run was begun with another backbone (its hash is {}, that of the model given {})",
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
  return {{"method", run.method}, {"model", run.model},     {"theta", to_json(run.theta)},
          {"tied", run.tied},     {"adapted", run.adapted}, {"merged", run.merged},
          {"tasks", tasks}};
}

/// Reads meta.json of a run. Throws Error naming file and field.
inline MetaRun read_meta_run(const std::filesystem::path& run) {
  const std::filesystem::path path = run / MetaRun::file;
  require(std::filesystem::exists(path), "{}: no such file: not the folder of a meta-trained run",
          path.string());
  const auto file = checkpoint::JsonFields::load(path);
  MetaRun made;
  made.method = file.string("method");
  made.model = file.string("model");
  made.theta = zeroth_order_from(file.fields("theta"));
  made.tied = file.boolean("tied");
  made.adapted = file.boolean("adapted");
  made.merged = file.boolean("merged");
  if (!file.at("tasks").is_array()) file.refuse("tasks", "a list");
  for (const nlohmann::json& each : file.at("tasks")) {
    const checkpoint::JsonFields task(each, path.string() + ": tasks");
    check_folder_name(task.string("name"));
    made.tasks.push_back({task.string("name"), {}, task.integer("rows")});
    if (!task.at("options").is_array()) task.refuse("options", "a list");
    for (const nlohmann::json& word : task.at("options")) {
      if (!word.is_string()) task.refuse("options", "a list of strings");
      made.tasks.back().options.push_back(word.get<std::string>());
    }
  }
  return made;
}

/// Writes an adapter of a run, over that of an earlier end of the same run. Throws Error naming the file when
/// the disk refuses.
inline void write_run_adapter(const std::filesystem::path& folder, const model::Config& config,
                              const peft::Lora& lora, const Eigen::VectorXf& values,
                              const std::string& base_model) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error, "{}: cannot be made: {}", folder.string(), error.message());
  peft::write_peft_lora(folder, config, lora,
                        std::span(values.data(), static_cast<std::size_t>(values.size())), base_model);
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
/// The law and the optimiser of a run's steps. θ must be as it was at the start.
template <class Theta>
AnyLaw law_of(const MetaRun& run, const Theta& theta_0) {
  return make_law(run.theta, theta_0);
}
inline AnyOuter outer_of(const MetaRun& run) { return make_outer(run.theta, run.theta.theta_rate); }

/// Moves θ, which is θ_0, along the run's trajectory: θ_K to the bit, since each step is the same update in
/// the same order. Throws Error where θ lies where it cannot be moved so.
template <class Theta>
void replay_run(const MetaRun& described, std::span<const checkpoint::TrajectoryStep> steps, Theta& theta) {
  if (steps.empty()) return;
  replay(law_of(described, theta), outer_of(described), steps, static_cast<std::uint32_t>(steps.size()),
         theta);
}
/// The trajectory of a run's folder. Throws Error with file and line.
inline std::vector<checkpoint::TrajectoryStep> trajectory_of(const std::filesystem::path& run) {
  const std::filesystem::path path = run / "trajectory.jsonl";
  return checkpoint::parse_trajectory(parse::read_file(path), path.string());
}

}  // namespace zofo::llm
