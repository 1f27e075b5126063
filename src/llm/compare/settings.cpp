#include "zofo/compare/settings.hpp"

#include <charconv>
#include <cmath>
#include <system_error>
#include <type_traits>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

namespace {

template <class T>
void read_text(T& field, std::string_view option, std::string_view text) {
  if constexpr (std::is_same_v<T, std::string>) {
    field = text;
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

Setting parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  require(equals != std::string_view::npos && equals > 0, "'{}': must be OPTION=VALUE or METHOD.OPTION=VALUE",
          text);
  Setting setting{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  for (char& c : setting.option)
    if (c == '-') c = '_';
  return setting;
}

}  // namespace zofo::compare
