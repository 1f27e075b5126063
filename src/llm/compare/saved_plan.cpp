#include "zofo/compare/saved_plan.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

nlohmann::json to_json(const Plan& plan) {
  nlohmann::json tasks = nlohmann::json::array(), order = nlohmann::json::array();
  nlohmann::json methods = nlohmann::json::object();
  for (const TaskPlan& task : plan.tasks) tasks.push_back({{"name", task.name}, {"place", task.place}});
  for (const Arm& arm : plan.arms) {
    order.push_back(arm.label);
    nlohmann::json options = nlohmann::json::object();
    for (const Setting& setting : arm.settings) options[setting.option] = setting.value;
    methods[arm.label] = {{"method", llm::to_text(arm.method)}, {"options", options}};
  }
  nlohmann::json out = {{"version", 1},
                        {"model", plan.model},
                        {"model_bytes", plan.model_bytes},
                        {"data", plan.data},
                        {"definitions", plan.definitions},
                        {"tasks", tasks},
                        {"order", order},
                        {"methods", methods},
                        {"seeds", plan.seeds},
                        {"max_seconds", plan.seconds},
                        {"max_forward_passes", plan.passes},
                        {"max_eval_samples", plan.rows},
                        {"device", llm::to_text(plan.device)},
                        {"threads", plan.threads}};
  if (plan.epochs > 0.0) out["epochs"] = plan.epochs;  // comparisons of earlier releases lack the field
  return out;
}

namespace {

/// A plan that an earlier release wrote, with today's names of fields, options and values. Anything else
/// stays as it is; check_same refuses it.
nlohmann::json with_current_names(nlohmann::json plan) {
  const auto rename = [](nlohmann::json& fields, const std::string& old_name, std::string_view name) {
    if (!fields.contains(old_name) || fields.contains(std::string(name))) return;
    fields[std::string(name)] = fields[old_name];
    fields.erase(old_name);
  };
  const auto rename_value = [](nlohmann::json& fields, const std::string& name) {
    if (fields.contains(name) && fields[name].is_string())
      fields[name] = std::string(llm::current_value(name, fields[name].get<std::string>(), "", nullptr));
  };
  if (!plan.is_object()) return plan;
  for (const llm::RenamedOption& each : plan_fields) rename(plan, std::string(each.old_name), each.name);
  if (!plan.contains("methods") || !plan["methods"].is_object()) return plan;
  for (nlohmann::json& arm : plan["methods"]) {
    if (!arm.is_object()) continue;
    rename_value(arm, "method");
    if (!arm.contains("options") || !arm["options"].is_object()) continue;
    nlohmann::json& options = arm["options"];
    for (const llm::RenamedOption& each : llm::renamed_options)
      rename(options, std::string(each.old_name), each.name);
    for (const llm::RenamedValue& each : llm::renamed_values) rename_value(options, std::string(each.option));
    constexpr const char* modules = "lora_target_modules";
    if (options.contains(modules) && options[modules].is_string())
      options[modules] = llm::target_modules(options[modules].get<std::string>());
  }
  return plan;
}

/// The first difference between two documents.
struct Difference {
  std::string field;  ///< "methods.lora.options.lower_learning_rate"
  nlohmann::json now, before;
};

/// Empty if they are equal. A value that one of them lacks is null there.
std::optional<Difference> first_difference(const nlohmann::json& now, const nlohmann::json& before,
                                           const std::string& field = "") {
  if (now == before) return {};
  const auto under = [&](const std::string& name) { return field.empty() ? name : field + "." + name; };
  if (now.is_object() && before.is_object()) {
    nlohmann::json names = now;
    names.update(before);
    for (const auto& [name, ignored] : names.items())
      if (auto found = first_difference(now.value(name, nlohmann::json()),
                                        before.value(name, nlohmann::json()), under(name)))
        return found;
  }
  if (now.is_array() && before.is_array() && now.size() == before.size())
    for (std::size_t i = 0; i < now.size(); ++i)
      if (auto found = first_difference(now[i], before[i], fmt::format("{}[{}]", field, i))) return found;
  return Difference{field, now, before};
}

}  // namespace

void check_same(const nlohmann::json& now, const nlohmann::json& before, std::string_view place) {
  const auto found = first_difference(now, with_current_names(before));
  if (!found) return;
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  fail("{} = {}: {} was started with {}: choose another --out, or use the value that it was started with",
       found->field, found->now.dump(-1, ' ', false, replace), place,
       found->before.dump(-1, ' ', true, replace));
}

}  // namespace zofo::compare
