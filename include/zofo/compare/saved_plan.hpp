/// @file A plan as JSON, and whether it is the one that a folder was started with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "zofo/compare/plan.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

/// A plan, the order of tasks and methods included.
inline nlohmann::json to_json(const Plan& plan) {
  nlohmann::json tasks = nlohmann::json::array(), order = nlohmann::json::array();
  nlohmann::json methods = nlohmann::json::object();
  for (const TaskPlan& task : plan.tasks) tasks.push_back({{"name", task.name}, {"place", task.place}});
  for (const Arm& arm : plan.arms) {
    order.push_back(arm.label);
    nlohmann::json options = nlohmann::json::object();
    for (const Setting& setting : arm.settings) options[setting.option] = setting.value;
    methods[arm.label] = {{"method", llm::to_text(arm.method)}, {"options", options}};
  }
  return {{"version", 1},
          {"model", plan.model},
          {"model_bytes", plan.model_bytes},
          {"data", plan.data},
          {"definitions", plan.definitions},
          {"tasks", tasks},
          {"order", order},
          {"methods", methods},
          {"seeds", plan.seeds},
          {"seconds", plan.seconds},
          {"passes", plan.passes},
          {"rows", plan.rows},
          {"device", llm::to_text(plan.device)},
          {"threads", plan.threads}};
}

/// Where two documents first differ.
struct Difference {
  std::string field;  ///< "methods.lora.options.lower_rate"
  nlohmann::json now, before;
};

/// Nothing if they are equal. What one of them lacks is null there.
inline std::optional<Difference> first_difference(const nlohmann::json& now, const nlohmann::json& before,
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

/// Throws Error naming the first field in which `now` is not the plan that `before`, read from `place`, has.
inline void check_same(const nlohmann::json& now, const nlohmann::json& before, std::string_view place) {
  const auto found = first_difference(now, before);
  if (!found) return;
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  fail("{} = {}: {} was begun with {}: name another --out, or give what it was begun with", found->field,
       found->now.dump(-1, ' ', false, replace), place, found->before.dump(-1, ' ', true, replace));
}

}  // namespace zofo::compare
