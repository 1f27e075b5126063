#include "zofo/config/options_toml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/nearest_name.hpp"
#include "zofo/parse/toml.hpp"
#include "zofo/parse/toml_text.hpp"

namespace zofo::llm {

namespace {

// A value as TOML writes it; numbers in the fewest digits that read back to the same number.
template <class T>
std::string toml_text(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return parse::toml_quoted(value);
  } else if constexpr (NamedEnum<T>) {
    return parse::toml_quoted(to_text(value));
  } else {
    std::string text = fmt::format("{}", value);
    const bool needs_point = std::is_floating_point_v<T> && text.find_first_of(".en") == std::string::npos;
    return needs_point ? text + ".0" : text;
  }
}

template <class T>
void read_field(T& field, const toml::node& node, std::string_view option, const std::string& where,
                Hints* hints) {
  if constexpr (std::is_same_v<T, bool>) {
    require(node.is_boolean(), "{}: must be true or false", where);
    field = *node.value<bool>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    require(node.is_string(), "{}: must be a string", where);
    field = *node.value<std::string>();
    if (option == "lora_target_modules") field = target_modules(field);
  } else if constexpr (NamedEnum<T>) {
    require(node.is_string(), "{}: must be a string", where);
    field = enum_from<T>(where, current_value(option, *node.value<std::string>(), where, hints));
  } else if constexpr (std::is_floating_point_v<T>) {
    require(node.is_number(), "{}: must be a number", where);
    field = *node.value<double>();
  } else {
    require(node.is_integer(), "{}: must be an integer", where);
    const std::int64_t value = *node.value<std::int64_t>();
    require(value >= 0 && static_cast<std::uint64_t>(value) <= std::numeric_limits<T>::max(),
            "{} = {}: must be in [0, {}]", where, value, std::numeric_limits<T>::max());
    field = static_cast<T>(value);
  }
}

}  // namespace

std::string to_toml(const RunOptions& options) {
  std::string out;
  for_each_option(options, [&out](const char* name, const auto& value, const char*) {
    out += fmt::format("{} = {}\n", name, toml_text(value));
  });
  return out;
}

void parse_toml(RunOptions& options, std::string_view text, const std::string& name, Hints* hints) {
  const toml::table table = parse::parse_toml(text, name);
  for (const auto& [key, node] : table) {
    const std::string given(key.str());
    const std::string_view option = current_option(given);
    const std::string where = fmt::format("{}:{}: {}", name, node.source().begin.line, given);
    if (option != given) {
      require(!table.contains(option), "{}: the old name of {}, which is given too: keep only {}", where,
              option, option);
      add_hint(hints, renaming_hint(where, option));
    }
    bool known = false;
    for_each_option(options, [&, &value = node](const char* field, auto& target, const char*) {
      if (option != field) return;
      known = true;
      read_field(target, value, option, where, hints);
    });
    if (known) continue;
    std::vector<std::string> names;
    for_each_option(options,
                    [&names](const char* field, const auto&, const char*) { names.emplace_back(field); });
    fail("{}: no such option{} (zofo finetune --help lists the options of a run)", where,
         parse::name_hint(given, names));
  }
}

void read_toml(RunOptions& options, const std::filesystem::path& path, Hints* hints) {
  parse_toml(options, parse::read_file(path), path.string(), hints);
}

RunOptions options_from_toml(Command command, std::string_view text, const std::string& name, Hints* hints) {
  RunOptions options = defaults(command);
  parse_toml(options, text, name, hints);
  if (!parse::parse_toml(text, name).contains("adapter")) options.adapter = info(options.method).adapter;
  return options;
}

}  // namespace zofo::llm
