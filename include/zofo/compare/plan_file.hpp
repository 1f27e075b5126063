/// @file A plan from texts, as the command line has them, and from a TOML file of the same fields.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/compare/plan.hpp"
#include "zofo/compare/settings.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/toml.hpp"

namespace zofo::compare {

/// A plan's fields as texts; an empty one was not given.
struct PlanTexts {
  std::string model, data, definitions, device;
  std::vector<std::string> tasks;
  std::vector<std::string> methods;  ///< "METHOD" or "LABEL=METHOD"
  std::vector<std::string> seeds;
  std::string seconds, passes, rows;
  std::vector<std::string> settings;  ///< "METHOD.OPTION=VALUE" or "OPTION=VALUE"
};

namespace detail {

/// A text as a number. Throws Error naming the field.
template <class T>
T number(const char* field, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(), "{} = {}: must be {}", field, text,
          std::is_floating_point_v<T> ? "a number" : "an integer in [0, 2^64)");
  return value;
}

inline Arm parse_arm(const std::string& text, llm::Hints* hints) {
  const std::size_t equals = text.find('=');
  const std::string name = equals == std::string::npos ? text : text.substr(equals + 1);
  // The label stays as it was given, so that a folder of an earlier release is found again.
  return {
      text.substr(0, equals),
      llm::enum_from<llm::Method>("methods: method", llm::current_value("method", name, "methods", hints))};
}

/// A later setting of the same option wins.
inline void put(Arm& arm, Setting setting) {
  for (Setting& each : arm.settings)
    if (each.option == setting.option) {
      each.value = std::move(setting.value);
      return;
    }
  arm.settings.push_back(std::move(setting));
}

/// The arm whose label heads the text before its '='; null if none does.
inline Arm* addressed(std::vector<Arm>& arms, std::string_view text) {
  Arm* best = nullptr;  // one label may begin another
  for (Arm& arm : arms)
    if (text.substr(0, text.find('=')).starts_with(arm.label + ".") &&
        (best == nullptr || arm.label.size() > best->label.size()))
      best = &arm;
  return best;
}

inline void put_settings(const std::vector<std::string>& texts, std::vector<Arm>& arms, llm::Hints* hints) {
  for (const std::string& text : texts) {
    if (addressed(arms, text) != nullptr) continue;
    const std::string_view name = std::string_view(text).substr(0, text.find('='));
    require(name.find('.') == std::string_view::npos, "set {}: there is no such method in this comparison",
            name);
    for (Arm& arm : arms) put(arm, parse_setting(text, "", hints));
  }
  for (const std::string& text : texts)  // after those of all methods
    if (Arm* arm = addressed(arms, text))
      put(*arm, parse_setting(std::string_view(text).substr(arm->label.size() + 1), arm->label + ".", hints));
}

}  // namespace detail

/// The plan that texts describe, unchecked: Plan::check() comes when it is complete. Throws Error for a text
/// that is no number where one is needed, and for settings of methods that are not compared. Old names of
/// options and values are accepted, each adds a hint.
inline Plan make_plan(const PlanTexts& texts, llm::Hints* hints = nullptr) {
  Plan plan;
  plan.model = texts.model;
  plan.data = texts.data;
  plan.definitions = texts.definitions;
  plan.device = texts.device.empty() ? llm::DeviceKind::automatic
                                     : llm::enum_from<llm::DeviceKind>("device", texts.device);
  for (const std::string& task : texts.tasks) plan.tasks.push_back({task, task});
  for (const std::string& method : texts.methods) {
    plan.arms.push_back(detail::parse_arm(method, hints));
    plan.arms.back().settings = {{"curve_points", "12"}};  // finer times to 95 % than a run's own six
  }
  for (const std::string& seed : texts.seeds)
    if (!seed.empty()) plan.seeds.push_back(detail::number<std::uint64_t>("seeds", seed));
  if (!texts.seconds.empty()) plan.seconds = detail::number<double>("max_seconds", texts.seconds);
  if (!texts.passes.empty()) plan.passes = detail::number<double>("max_forward_passes", texts.passes);
  if (!texts.rows.empty()) plan.rows = detail::number<std::uint64_t>("max_eval_samples", texts.rows);
  detail::put_settings(texts.settings, plan.arms, hints);
  return plan;
}

namespace detail {

/// A scalar of a TOML file as a text.
inline std::string scalar(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  const auto* real = node.as_floating_point();
  require(real != nullptr, "{}: must be a string, a number, true or false", where);
  return fmt::format("{}", real->get());
}

inline std::vector<std::string> scalars(const toml::node& node, const std::string& where) {
  const auto* list = node.as_array();
  require(list != nullptr, "{}: must be a list", where);
  std::vector<std::string> out;
  for (const toml::node& each : *list) out.push_back(scalar(each, where));
  return out;
}

/// Reads plan files: fields that the texts have already stay.
class PlanFile {
 public:
  PlanFile(const std::filesystem::path& path, PlanTexts& texts, llm::Hints* hints)
      : path_(path.string()), texts_(texts), hints_(hints) {}

  void read(const toml::table& table) {
    for (const auto& [key, node] : table)
      field(current_name(table, std::string(key.str()), "", node, plan_fields), node);
    // What the command line set comes last, so that it wins.
    settings_.insert(settings_.end(), texts_.settings.begin(), texts_.settings.end());
    texts_.settings = std::move(settings_);
  }

 private:
  [[nodiscard]] std::string where(const toml::node& node, const std::string& name) const {
    return fmt::format("{}:{}: {}", path_, node.source().begin.line, name);
  }
  void field(const std::string& name, const toml::node& node) {
    const std::pair<const char*, std::string*> ones[] = {{"model", &texts_.model},
                                                         {"data", &texts_.data},
                                                         {"definitions", &texts_.definitions},
                                                         {"device", &texts_.device},
                                                         {"max_seconds", &texts_.seconds},
                                                         {"max_forward_passes", &texts_.passes},
                                                         {"max_eval_samples", &texts_.rows}};
    const std::pair<const char*, std::vector<std::string>*> lists[] = {
        {"tasks", &texts_.tasks}, {"methods", &texts_.methods}, {"seeds", &texts_.seeds}};
    const std::string place = where(node, name);
    for (const auto& [known, text] : ones)
      if (name == known) return void(text->empty() ? *text = scalar(node, place) : *text);
    for (const auto& [known, list] : lists)
      if (name == known) return void(list->empty() ? *list = scalars(node, place) : *list);
    require(name == "set", "{}: no such field of a comparison", place);
    const toml::table* set = node.as_table();
    require(set != nullptr, "{}: must be a table of options", place);
    for (const auto& [key, value] : *set) setting(*set, std::string(key.str()), value);
  }
  /// An option of all methods, or a method's table of options.
  void setting(const toml::table& set, const std::string& name, const toml::node& node) {
    const toml::table* own = node.as_table();
    if (own == nullptr) return option(set, name, "", node);
    for (const auto& [key, value] : *own) option(*own, std::string(key.str()), name + ".", value);
  }
  void option(const toml::table& table, const std::string& given, const std::string& of,
              const toml::node& node) {
    const std::string name = current_name(table, given, of, node, llm::renamed_options);
    const std::string place = where(node, of + given);
    const std::string value(llm::current_value(name, scalar(node, place), place, hints_));
    settings_.push_back(of + name + "=" + value);
  }
  /// Today's name of a field; an old one adds a hint. Throws Error where the table has both.
  std::string current_name(const toml::table& table, const std::string& given, const std::string& of,
                           const toml::node& node, std::span<const llm::RenamedOption> renamed) {
    const auto found = std::ranges::find(renamed, std::string_view(given), &llm::RenamedOption::old_name);
    if (found == renamed.end()) return given;
    const std::string place = where(node, of + given);
    require(!table.contains(found->name), "{}: the old name of {}, which is given too: keep only {}", place,
            found->name, found->name);
    llm::add_hint(hints_, llm::renaming_hint(place, found->name));
    return std::string(found->name);
  }

  std::string path_;
  PlanTexts& texts_;
  llm::Hints* hints_;
  std::vector<std::string> settings_;
};

}  // namespace detail

/// Fills the fields that `texts` lacks from a TOML file: model, tasks, data, definitions, methods, seeds,
/// max_seconds, max_forward_passes, max_eval_samples, device, and a table `set` with options of all methods
/// and a table of its own for any method. Old names are accepted, each adds a hint. Throws Error with file,
/// line and field for a syntax error, an unknown field, a wrong type, or an option given by its old and its
/// new name.
inline void read_plan_file(const std::filesystem::path& path, PlanTexts& texts, llm::Hints* hints = nullptr) {
  const toml::table table = parse::read_toml(path);
  detail::PlanFile(path, texts, hints).read(table);
}

}  // namespace zofo::compare
