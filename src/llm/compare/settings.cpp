#include "zofo/compare/settings.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <system_error>
#include <type_traits>
#include <utility>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/renamed_options.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

namespace {

template <class T>
void read_text(T& field, std::string_view option, std::string_view text) {
  if constexpr (std::is_same_v<T, std::string>) {
    field = option == "lora_target_modules" ? llm::target_modules(text) : std::string(text);
  } else if constexpr (llm::NamedEnum<T>) {
    field = llm::enum_from<T>(option, text);
  } else if constexpr (std::is_same_v<T, bool>) {
    require(text == "true" || text == "false", "{} = {}: must be true or false", option, text);
    field = text == "true";
  } else {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool good = error == std::errc() && end == text.data() + text.size();
    if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
    require(
        good, "{} = {}: must be {}", option, text,
        std::is_floating_point_v<T> ? "a finite number" : "an integer of at least 0 that fits the option");
    field = value;
  }
}

/// An option's name with underscores for dashes.
std::string option_name(std::string_view text) {
  std::string name(text);
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

/// An option and its value by today's names; an old name of either adds a hint headed by `where`.
Setting current_setting(std::string_view option, std::string_view value, const std::string& where,
                        llm::Hints* hints) {
  const std::string_view name = llm::current_option(option);
  if (name != option) llm::add_hint(hints, llm::renaming_hint(where, name));
  return {std::string(name), std::string(llm::current_value(name, value, where, hints))};
}

}  // namespace

void apply(Setting& setting, llm::RunOptions& options) {
  bool known = false;
  llm::for_each_option(options, [&](const char* name, auto& field, const char*) {
    if (setting.option != name) return;
    known = true;
    read_text(field, setting.option, setting.value);
    setting.value = fmt::format("{}", field);
  });
  require(known, "{}: finetune has no such option", setting.option);
}

Setting parse_setting(std::string_view text, std::string_view of, llm::Hints* hints) {
  const std::size_t equals = text.find('=');
  require(equals != std::string_view::npos && equals > 0, "'{}': must be OPTION=VALUE or METHOD.OPTION=VALUE",
          text);
  const std::string name = option_name(text.substr(0, equals));
  return current_setting(name, text.substr(equals + 1), fmt::format("set {}{}", of, name), hints);
}

void refuse_old_and_new(std::span<const std::string> texts) {
  const auto split = [](std::string_view text) {
    const std::string_view head = text.substr(0, text.find('='));
    const std::size_t dot = head.rfind('.');
    const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
    return std::pair(head.substr(0, begin), option_name(head.substr(begin)));
  };
  for (const std::string& text : texts) {
    const auto [of, option] = split(text);
    const std::string_view name = llm::current_option(option);
    if (name == option) continue;
    for (const std::string& other : texts)
      require(split(other) != std::pair(of, std::string(name)),
              "set {}{}: the old name of {}, which is set too: keep only {}", of, option, name, name);
  }
}

}  // namespace zofo::compare
