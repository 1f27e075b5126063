#include "zofo/parse/toml_text.hpp"

#include <algorithm>

#include "zofo/core/error.hpp"

namespace zofo::parse {

std::string toml_quoted(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::none_of(text, is_control) && text.find('\'') == std::string_view::npos)
    return fmt::format("'{}'", text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\n')
      quoted += "\\n";
    else if (is_control(c))
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  }
  return quoted + "\"";
}

}  // namespace zofo::parse
