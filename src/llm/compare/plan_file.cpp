#include "zofo/compare/plan_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "zofo/compare/settings.hpp"
#include "zofo/config/enum_text.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/toml.hpp"

namespace zofo::compare {

namespace {

/// Parses a number. Throws Error naming the field.
template <class T>
T number(const char* field, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(), "{} = {}: must be {}", field, text,
          std::is_floating_point_v<T> ? "a number" : "an integer in [0, 2^64)");
  return value;
}

Arm parse_arm(const std::string& text, llm::Hints* hints) {
  const std::size_t equals = text.find('=');
  const std::string name = equals == std::string::npos ? text : text.substr(equals + 1);
  // The label is not changed, so that a folder of an earlier release is found.
  return {
      text.substr(0, equals),
      llm::enum_from<llm::Method>("methods: method", llm::current_value("method", name, "methods", hints))};
}

/// Adds a setting to an arm; it replaces an earlier one of the same option.
void put(Arm& arm, Setting setting) {
  for (Setting& each : arm.settings)
    if (each.option == setting.option) {
      each.value = std::move(setting.value);
      return;
    }
  arm.settings.push_back(std::move(setting));
}

/// The arm whose label and a dot begin the text; null if there is none.
Arm* addressed(std::vector<Arm>& arms, std::string_view text) {
  Arm* best = nullptr;  // one label may be a prefix of another: the longest counts
  for (Arm& arm : arms)
    if (text.substr(0, text.find('=')).starts_with(arm.label + ".") &&
        (best == nullptr || arm.label.size() > best->label.size()))
      best = &arm;
  return best;
}

void put_settings(const std::vector<std::string>& texts, std::vector<Arm>& arms, llm::Hints* hints) {
  for (const std::string& text : texts) {
    if (addressed(arms, text) != nullptr) continue;
    const std::string_view name = std::string_view(text).substr(0, text.find('='));
    require(name.find('.') == std::string_view::npos, "set {}: the comparison has no such method", name);
    for (Arm& arm : arms) put(arm, parse_setting(text, "", hints));
  }
  for (const std::string& text : texts)  // applied after those of all methods
    if (Arm* arm = addressed(arms, text))
      put(*arm, parse_setting(std::string_view(text).substr(arm->label.size() + 1), arm->label + ".", hints));
}

}  // namespace

Plan make_plan(const PlanTexts& texts, llm::Hints* hints) {
  Plan plan;
  plan.model = texts.model;
  plan.data = texts.data;
  plan.definitions = texts.definitions;
  plan.device = texts.device.empty() ? llm::DeviceKind::automatic
                                     : llm::enum_from<llm::DeviceKind>("device", texts.device);
  for (const std::string& task : texts.tasks) plan.tasks.push_back({task, task});
  for (const std::string& method : texts.methods) {
    plan.arms.push_back(parse_arm(method, hints));
    plan.arms.back().settings = {
        {"curve_points", "12"}};  // a finer resolution of the times to 95 % than the default of 6
  }
  for (const std::string& seed : texts.seeds)
    if (!seed.empty()) plan.seeds.push_back(number<std::uint64_t>("seeds", seed));
  if (!texts.seconds.empty()) plan.seconds = number<double>("max_seconds", texts.seconds);
  if (!texts.passes.empty()) plan.passes = number<double>("max_forward_passes", texts.passes);
  if (!texts.epochs.empty()) plan.epochs = number<double>("epochs", texts.epochs);
  if (!texts.rows.empty()) plan.rows = number<std::uint64_t>("max_eval_samples", texts.rows);
  put_settings(texts.settings, plan.arms, hints);
  return plan;
}

namespace {

/// A scalar of a TOML file as a string.
std::string scalar(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  const auto* real = node.as_floating_point();
  require(real != nullptr, "{}: must be a string, a number, true or false", where);
  return fmt::format("{}", real->get());
}

std::vector<std::string> scalars(const toml::node& node, const std::string& where) {
  const auto* list = node.as_array();
  require(list != nullptr, "{}: must be a list", where);
  std::vector<std::string> out;
  for (const toml::node& each : *list) out.push_back(scalar(each, where));
  return out;
}

/// Reads plan files; fields that the texts have already are not changed.
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
                                                         {"epochs", &texts_.epochs},
                                                         {"max_eval_samples", &texts_.rows}};
    const std::pair<const char*, std::vector<std::string>*> lists[] = {
        {"tasks", &texts_.tasks}, {"methods", &texts_.methods}, {"seeds", &texts_.seeds}};
    const std::string place = where(node, name);
    for (const auto& [known, text] : ones)
      if (name == known) return void(text->empty() ? *text = scalar(node, place) : *text);
    for (const auto& [known, list] : lists)
      if (name == known) return void(list->empty() ? *list = scalars(node, place) : *list);
    require(name == "set", "{}: is not a field of a comparison", place);
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

}  // namespace

void read_plan_file(const std::filesystem::path& path, PlanTexts& texts, llm::Hints* hints) {
  const toml::table table = parse::read_toml(path);
  PlanFile(path, texts, hints).read(table);
}

}  // namespace zofo::compare
