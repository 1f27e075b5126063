#include "peft_targets.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "peft_fields.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::peft::detail {

namespace {

using checkpoint::JsonFields;

constexpr std::size_t most_names = 65536;
constexpr std::size_t most_keys = 8192, most_key_patterns = 32;

// The texts of a list; a null field is an empty list. Throws Error for anything else.
std::vector<std::string> read_list(const JsonFields& file, const char* field, const char* wanted) {
  std::vector<std::string> list;
  if (!file.has(field)) return list;
  const nlohmann::json& given = file.at(field);
  if (!given.is_array() || given.size() > most_names) file.refuse(field, wanted);
  for (const nlohmann::json& each : given) {
    if (!each.is_string()) file.refuse(field, wanted);
    list.push_back(each.get<std::string>());
  }
  return list;
}

// The pattern of a field.
NamePattern field_pattern(const JsonFields& file, const char* field, const std::string& pattern,
                          std::string_view before, std::string_view after, bool whole, std::uint32_t steps) {
  return NamePattern(fmt::format("{}: {}", file.location(), field), pattern, before, after, whole, steps);
}

// Calls use(end) with the name and each of its ends behind a dot until one call returns true.
template <class Use>
bool any_end(std::string_view name, Use&& use) {
  for (;;) {
    if (use(name)) return true;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return false;
    name.remove_prefix(dot + 1);
  }
}

bool is_literal(std::string_view key) {
  return std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

bool same_as_literal(std::string_view literal, std::string_view name) {
  return std::ranges::equal(literal, name, [](char a, char b) { return a == '.' || a == b; });
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

std::vector<NamedModule> named_modules(const ModelShape& shape) {
  const checkpoint::Naming naming = naming_of(shape);
  const std::string_view prefix = checkpoint::default_prefix(naming);
  std::vector<NamedModule> modules;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const auto projection = static_cast<Projection>(p);
      if (projection == Projection::gate && !shape.gated) continue;
      std::string name = checkpoint::hugging_face_module(
          fmt::format("blk.{}.{}", layer, projection_weights[p]), naming, prefix);
      if (!modules.empty() && modules.back().name == name)
        modules.back().projections.push_back(projection);
      else
        modules.push_back({std::move(name), layer, {projection}, "", true});
    }
  modules.push_back({"lm_head", 0, {}, "output", true});
  for (const checkpoint::NamePair& pair : checkpoint::outer_names(naming)) {
    const bool projects = pair.layout == "project_in" || pair.layout == "project_out";
    if (projects && shape.embedded == shape.width) continue;
    modules.push_back(
        {fmt::format("{}{}", prefix, pair.hugging_face), 0, {}, std::string(pair.layout), projects});
  }
  return modules;
}

TargetRules::TargetRules(const JsonFields& file)
    : saved_(read_list(file, "modules_to_save", "a list of names")) {
  const nlohmann::json& targets = file.at("target_modules");
  all_linear_ = targets.is_string() && lower(targets.get<std::string>()) == "all-linear";
  if (!all_linear_) targets_ = read_names(file, "target_modules");
  if (!all_linear_ && !targets_.pattern && targets_.list.empty())
    file.refuse("target_modules", "a list of names, a pattern or \"all-linear\"");
  if (file.has("exclude_modules")) excluded_ = read_names(file, "exclude_modules");
  if (saved_.size() > most_key_patterns)
    file.refuse("modules_to_save", fmt::format("a list of at most {} names", most_key_patterns));
  for (const std::string& each : saved_)
    saved_patterns_.push_back(field_pattern(file, "modules_to_save", each, R"((^|.*\.))", R"(($|\..*))",
                                            false, NamePattern::few_steps));
  read_layers(file);
}

TargetRules::Names TargetRules::read_names(const JsonFields& file, const char* field) {
  Names names;
  const nlohmann::json& given = file.at(field);
  if (given.is_string() && !given.get_ref<const std::string&>().empty()) {
    names.pattern =
        field_pattern(file, field, given.get<std::string>(), "", "", true, NamePattern::most_steps);
    return names;
  }
  if (given.is_string()) return names;
  for (std::string& each : read_list(file, field, "a list of names, or a pattern of names"))
    names.list.insert(std::move(each));
  return names;
}

void TargetRules::read_layers(const JsonFields& file) {
  const char* field = "layers_to_transform";
  if (!file.has(field)) return;
  nlohmann::json given = file.at(field);
  if (!given.is_array()) given = nlohmann::json::array({file.at(field)});
  if (given.empty()) return;
  if (given.size() > most_names) file.refuse(field, fmt::format("a list of at most {} blocks", most_names));
  layers_.emplace();
  for (const nlohmann::json& each : given) {
    if (!each.is_number_integer() || (!each.is_number_unsigned() && each.get<std::int64_t>() < 0))
      file.refuse(field, "the number of a block from 0, or a list of them");
    layers_->insert(each.get<std::uint64_t>());
  }
  if (targets_.pattern || all_linear_)
    file.refuse(field, "null where target_modules is a pattern, which peft does not combine with it");
  std::vector<std::string> patterns;
  if (!file.has("layers_pattern") || !file.at("layers_pattern").is_string())
    patterns = read_list(file, "layers_pattern", "a pattern, or a list of patterns");
  else if (const std::string only = file.string("layers_pattern"); !only.empty())
    patterns = {only};
  if (patterns.size() > most_key_patterns)
    file.refuse("layers_pattern", fmt::format("a list of at most {} patterns", most_key_patterns));
  constexpr std::string_view number = R"(\.(?P<idx>\d+)\.)";
  for (const std::string& each : patterns)
    layer_patterns_.push_back(
        field_pattern(file, "layers_pattern", each, R"((?:^|.*?\.))", number, false, NamePattern::few_steps));
  if (patterns.empty())
    layer_patterns_.push_back(
        field_pattern(file, "layers_pattern", R"(.*?\.[^.]*)", "", number, false, NamePattern::few_steps));
}

bool TargetRules::has(const Names& names, std::string_view name) {
  if (names.pattern) return names.pattern->matches(name);
  return any_end(name, [&](std::string_view end) { return names.list.contains(end); });
}

bool TargetRules::in_layers(std::string_view name) const {
  for (const NamePattern& pattern : layer_patterns_) {
    const std::optional<std::string> text = pattern.group(name, "idx");
    if (!text) continue;
    std::uint64_t layer = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), layer);
    return error == std::errc() && end == text->data() + text->size() && layers_->contains(layer);
  }
  return false;
}

bool TargetRules::adapts(const NamedModule& module) const {
  const std::string_view name = module.name;
  if (has(excluded_, name)) return false;
  for (const NamePattern& pattern : saved_patterns_)
    if (pattern.matches(name)) return false;
  if (all_linear_) return module.linear && name != "lm_head";
  if (targets_.pattern) return has(targets_, name);
  if (targets_.list.contains(name)) return true;  // peft does not ask for the layer of a whole name
  return has(targets_, name) && (!layers_ || in_layers(name));
}

bool TargetRules::saves(const NamedModule& module) const {
  return std::ranges::any_of(saved_, [&](const std::string& end) { return module.name.ends_with(end); });
}

PatternNumbers::PatternNumbers(const JsonFields& file, const nlohmann::ordered_json& document,
                               const char* field) {
  if (!file.has(field)) return;
  const nlohmann::ordered_json& given = document.at(field);
  if (!given.is_object() || given.size() > most_keys)
    file.refuse(field, fmt::format("an object of at most {} names or patterns", most_keys));
  std::size_t patterns = 0;
  for (const auto& [key, value] : given.items()) {
    require(value.is_number(), "{}: {}: {} = {}: must be a number", file.location(), field,
            parse::shown(nlohmann::json(key)), parse::shown(nlohmann::json(value)));
    Entry entry{key, std::nullopt, value.get<double>()};
    if (!is_literal(key)) {
      require(++patterns <= most_key_patterns, "{}: {}: more than {} patterns: name modules by their paths",
              file.location(), field, most_key_patterns);
      entry.pattern = field_pattern(file, field, key, R"((.*\.)?()", ")$", false, NamePattern::few_steps);
    }
    entries_.push_back(std::move(entry));
  }
}

std::optional<double> PatternNumbers::of(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.pattern ? entry.pattern->matches(name) : any_end(name, [&](std::string_view end) {
          return same_as_literal(entry.literal, end);
        }))
      return entry.number;
  }
  return std::nullopt;
}

}  // namespace zofo::peft::detail
