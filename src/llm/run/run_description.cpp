#include "zofo/run/run_description.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "zofo/config/renamed_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm {

namespace {

// The name of an option in a file: the old one if the file has it. Throws Error if the file has both.
std::string_view name_in(const checkpoint::JsonFields& file, std::string_view option) {
  const std::string_view old_name = old_option(option);
  if (old_name.empty() || !file.has(old_name)) return option;
  require(!file.has(option), "{}: {}: the old name of {}, which is given too", file.location(), old_name,
          option);
  return old_name;
}

}  // namespace

void check_folder_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  require(
      !name.empty() && name.front() != '.' && std::ranges::all_of(name, plain),
      "task '{}': its name must consist of letters, digits, '_', '-' and '.', and must not start with '.'",
      name);
}

nlohmann::json to_json(const ZerothOrderOptions& options) {
  nlohmann::json fields = {{"seed", options.seed}};
  for_each_zeroth_order_option(options, [&fields]<class T>(const char* name, const T& value, const char*) {
    if constexpr (NamedEnum<T>)
      fields[name] = to_text(value);
    else
      fields[name] = value;
  });
  return fields;
}
ZerothOrderOptions zeroth_order_from(const checkpoint::JsonFields& file) {
  ZerothOrderOptions options;
  for_each_zeroth_order_option(options, [&file]<class T>(const char* option, T& field, const char*) {
    const std::string_view name = name_in(file, option);
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

std::filesystem::path RunDescription::adapter_folder(const std::string& task) {
  return std::filesystem::path("adapters") / task;
}

std::vector<std::string> RunDescription::adapter_names() const {
  if (!adapted) return {};
  if (tied) return {tied_name};
  std::vector<std::string> names;
  for (const Task& task : tasks) names.push_back(task.name);
  return names;
}

void RunDescription::check_backbone(const std::filesystem::path& run,
                                    const model::Parameters& theta_0) const {
  const std::string given = hash_of_model(theta_0);
  require(model == given,
          "{}: the run was started with another backbone (its hash is {}, that of the given model {})",
          (run / file).string(), model, given);
}

void RunDescription::check_words(const std::filesystem::path& run, const std::string& name,
                                 const std::vector<std::string>& options) const {
  for (const Task& task : tasks)
    require(task.name != name || task.options == options,
            "{}: task '{}': the run trained it with the answer choices ['{}'], not ['{}']",
            (run / file).string(), name, fmt::join(task.options, "', '"), fmt::join(options, "', '"));
}

RunDescription describe(const RunOptions& o, std::string model, std::vector<RunDescription::Task> tasks) {
  const RateSchedule schedule = rate_schedule(o);
  RunDescription run;
  run.method = o.method;
  run.model = std::move(model);
  run.theta = static_cast<const ZerothOrderOptions&>(o);
  run.schedule = schedule.kind;
  run.warmup_steps = schedule.warmup_steps;
  run.decay_steps = schedule.kind == ScheduleKind::constant ? 0 : schedule.end;
  run.tied = o.tied();
  run.adapted = o.adapted();
  run.merged = o.merged();
  run.tasks = std::move(tasks);
  return run;
}

nlohmann::json to_json(const RunDescription& run) {
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

RunDescription read_description(const std::filesystem::path& run) {
  const std::filesystem::path path = run / RunDescription::file;
  require(std::filesystem::exists(path), "{}: no such file: not the folder of a meta-training",
          path.string());
  const auto file = checkpoint::JsonFields::load(path);
  RunDescription made;
  const auto choice = [&file]<NamedEnum E>(E, std::string_view option) {
    const std::string_view field = name_in(file, option);
    return parse::with_path(file.location(), [&] {
      return enum_from<E>(field, current_value(option, file.string(field), field, nullptr));
    });
  };
  made.method = choice(Method{}, "method");
  made.model = file.string("model");
  made.theta = zeroth_order_from(file.fields("theta"));
  if (file.has(name_in(file, "lr_scheduler_type"))) {  // an older file has a constant rate
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

void write_run_adapter(const std::filesystem::path& folder, const model::Config& config,
                       const peft::Adapter& layout, const Eigen::VectorXf& values,
                       const std::string& base_model) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error, "{}: cannot make this folder: {}", folder.string(), error.message());
  peft::write_peft(folder, config, layout, std::span(values.data(), static_cast<std::size_t>(values.size())),
                   base_model);
}

bool same_layout(const peft::Adapter& a, const peft::Adapter& b) {
  if (peft::kind(a) != peft::kind(b)) return false;
  if (const auto* lora = std::get_if<peft::Lora>(&a)) {
    const auto& other = std::get<peft::Lora>(b);
    return lora->options().targets == other.options().targets && lora->rank() == other.rank() &&
           lora->scale() == other.scale() && lora->options().modules == other.options().modules;
  }
  return peft::virtual_tokens(a) == peft::virtual_tokens(b);
}

peft::PeftAdapter mean_adapter(const std::filesystem::path& run, const RunDescription& described,
                               const model::Config& config) {
  const std::vector<std::string> names = described.adapter_names();
  require(!names.empty(), "{}: a run of method {} has no adapters to start from", run.string(),
          described.method);
  peft::PeftAdapter mean = peft::read_peft(run / RunDescription::adapter_folder(names.front()), config);
  Eigen::VectorXd sum = mean.values.cast<double>();
  for (std::size_t i = 1; i < names.size(); ++i) {
    const peft::PeftAdapter next = peft::read_peft(run / RunDescription::adapter_folder(names[i]), config);
    require(same_layout(next.layout, mean.layout), "{}: adapters '{}' and '{}' have different layouts",
            run.string(), names[i], names.front());
    sum += next.values.cast<double>();
  }
  mean.values = (sum / static_cast<double>(names.size())).cast<float>();
  return mean;
}

void merge_run(const std::filesystem::path& run, const RunDescription& described, model::Parameters& theta) {
  if (!described.merged) return;
  const peft::PeftLora merged = peft::read_peft_lora(run / RunDescription::merged_folder, theta.config());
  merged.changes.refuse_any();
  merge_lora(theta, merged.lora, merged.values);
}

}  // namespace zofo::llm
