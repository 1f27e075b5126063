/// @file meta.json: what a meta-trained run's folder holds, and to which model and tasks it belongs.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_adapter.hpp"
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

namespace detail {

/// What an older file calls an option by its old name, unless it has the new one. Throws Error for both.
inline std::string_view name_in(const checkpoint::JsonFields& file, std::string_view option) {
  const std::string_view old_name = old_option(option);
  if (old_name.empty() || !file.has(old_name)) return option;
  require(!file.has(option), "{}: {}: the old name of {}, which is there too", file.location(), old_name,
          option);
  return old_name;
}

}  // namespace detail

/// Options of zeroth-order updates as JSON, and back; the file of an earlier release has old names. Throws
/// Error naming file and field where one is missing or out of range.
inline nlohmann::json to_json(const ZerothOrderOptions& options) {
  nlohmann::json fields = {{"seed", options.seed}};
  for_each_zeroth_order_option(options, [&fields]<class T>(const char* name, const T& value, const char*) {
    if constexpr (NamedEnum<T>)
      fields[name] = to_text(value);
    else
      fields[name] = value;
  });
  return fields;
}
inline ZerothOrderOptions zeroth_order_from(const checkpoint::JsonFields& file) {
  ZerothOrderOptions options;
  for_each_zeroth_order_option(options, [&file]<class T>(const char* option, T& field, const char*) {
    const std::string_view name = detail::name_in(file, option);
    if constexpr (NamedEnum<T>)
      field = parse::with_path(file.location(), [&] {
        return enum_from<T>(name, current_value(option, file.string(name), name, nullptr));
      });
    else if constexpr (std::is_same_v<T, bool>)
      field = file.boolean(name);
    else if constexpr (std::is_floating_point_v<T>)
      field = file.number(name);
    else
      field = file.integer(name);
  });
  if (!file.at("seed").is_number_unsigned()) file.refuse("seed", "an integer in [0, 2^64 - 1]");
  options.seed = file.at("seed").get<std::uint64_t>();
  parse::with_path(file.location(), [&options] { options.check_zeroth_order(); });
  return options;
}

/// What meta.json records of a run.
struct RunDescription {
  /// A task of the run.
  struct Task {
    std::string name;
    std::vector<std::string> options;
    std::uint64_t rows = 0;
  };

  Method method = Method::bilevel;
  std::string model;         ///< hash of θ_0
  ZerothOrderOptions theta;  ///< distribution and optimiser of the updates, for a replay, and the estimator
  ScheduleKind schedule = ScheduleKind::constant;   ///< of θ's rate
  std::uint32_t warmup_steps = 0, decay_steps = 0;  ///< the second: where the schedule ends
  bool tied = false;                                ///< one adapter for all tasks
  bool adapted = false;                             ///< it holds adapters to start from
  bool merged = false;                              ///< an adapter belongs into the weights
  std::vector<Task> tasks;
  /// Steps of the trajectory that lead to the selected backbone, where training stopped early; unset: all.
  std::optional<std::uint32_t> steps = {};

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

/// What meta.json records of a run from the model whose hash is `model`.
inline RunDescription describe(const RunOptions& o, std::string model,
                               std::vector<RunDescription::Task> tasks) {
  const RateSchedule schedule = rate_schedule(o);
  RunDescription run;
  run.method = o.method;
  run.model = std::move(model);
  run.theta = o;
  run.schedule = schedule.kind;
  run.warmup_steps = schedule.warmup_steps;
  run.decay_steps = schedule.kind == ScheduleKind::constant ? 0 : schedule.end;
  run.tied = o.tied();
  run.adapted = o.adapted();
  run.merged = o.merged();
  run.tasks = std::move(tasks);
  return run;
}

inline nlohmann::json to_json(const RunDescription& run) {
  nlohmann::json tasks = nlohmann::json::array();
  for (const RunDescription::Task& task : run.tasks)
    tasks.push_back({{"name", task.name}, {"options", task.options}, {"rows", task.rows}});
  nlohmann::json fields = {{"method", to_text(run.method)},
                           {"model", run.model},
                           {"theta", to_json(run.theta)},
                           {"lr_scheduler_type", to_text(run.schedule)},
                           {"warmup_steps", run.warmup_steps},
                           {"decay_steps", run.decay_steps},
                           {"tied", run.tied},
                           {"adapted", run.adapted},
                           {"merged", run.merged},
                           {"tasks", tasks}};
  if (run.steps) fields["steps"] = *run.steps;
  return fields;
}

/// Reads meta.json of a run. Throws Error naming file and field.
inline RunDescription read_description(const std::filesystem::path& run) {
  const std::filesystem::path path = run / RunDescription::file;
  require(std::filesystem::exists(path), "{}: no such file: not the folder of a meta-trained run",
          path.string());
  const auto file = checkpoint::JsonFields::load(path);
  RunDescription made;
  const auto choice = [&file]<NamedEnum E>(E, std::string_view option) {
    const std::string_view field = detail::name_in(file, option);
    return parse::with_path(file.location(), [&] {
      return enum_from<E>(field, current_value(option, file.string(field), field, nullptr));
    });
  };
  made.method = choice(Method{}, "method");
  made.model = file.string("model");
  made.theta = zeroth_order_from(file.fields("theta"));
  if (file.has(detail::name_in(file, "lr_scheduler_type"))) {  // an older file has a constant rate
    made.schedule = choice(ScheduleKind{}, "lr_scheduler_type");
    made.warmup_steps = file.integer("warmup_steps");
    made.decay_steps = file.integer("decay_steps");
  }
  made.tied = file.boolean("tied");
  made.adapted = file.boolean("adapted");
  made.merged = file.boolean("merged");
  if (file.has("steps")) made.steps = file.integer("steps");
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
                              const peft::Adapter& layout, const Eigen::VectorXf& values,
                              const std::string& base_model) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error, "{}: cannot be made: {}", folder.string(), error.message());
  peft::write_peft(folder, config, layout, std::span(values.data(), static_cast<std::size_t>(values.size())),
                   base_model);
}

/// True if two layouts give the same meaning to a vector.
inline bool same_layout(const peft::Adapter& a, const peft::Adapter& b) {
  if (peft::kind(a) != peft::kind(b)) return false;
  if (const auto* lora = std::get_if<peft::Lora>(&a)) {
    const auto& other = std::get<peft::Lora>(b);
    return lora->options().targets == other.options().targets && lora->rank() == other.rank() &&
           lora->scale() == other.scale();
  }
  return peft::virtual_tokens(a) == peft::virtual_tokens(b);
}

/// The mean of the run's adapters, all of one layout: the start that the tasks agree on. Throws Error where
/// it holds none, or they differ in layout.
inline peft::PeftAdapter mean_adapter(const std::filesystem::path& run, const RunDescription& described,
                                      const model::Config& config) {
  const std::vector<std::string> names = described.adapter_names();
  require(!names.empty(), "{}: a run of method {} holds no adapters to start from", run.string(),
          described.method);
  peft::PeftAdapter mean = peft::read_peft(run / RunDescription::adapter_folder(names.front()), config);
  Eigen::VectorXd sum = mean.values.cast<double>();
  for (std::size_t i = 1; i < names.size(); ++i) {
    const peft::PeftAdapter next = peft::read_peft(run / RunDescription::adapter_folder(names[i]), config);
    require(same_layout(next.layout, mean.layout), "{}: adapter '{}' is of another layout than '{}'",
            run.string(), names[i], names.front());
    sum += next.values.cast<double>();
  }
  mean.values = (sum / static_cast<double>(names.size())).cast<float>();
  return mean;
}

/// Puts into θ_0 what the run merged; before θ goes to a device.
inline void merge_run(const std::filesystem::path& run, const RunDescription& described,
                      model::Parameters& theta) {
  if (!described.merged) return;
  const peft::PeftLora merged = peft::read_peft_lora(run / RunDescription::merged_folder, theta.config());
  merge_lora(theta, merged.lora, merged.values);
}
/// Updates θ, which is θ_0, along the run's trajectory: θ_K to the bit, since each step is the same update in
/// the same order. Throws Error where θ lies on a device that cannot do it.
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
