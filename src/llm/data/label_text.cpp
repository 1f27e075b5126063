#include "zofo/data/label_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

#include "text_forms.hpp"
#include "zofo/core/error.hpp"

namespace zofo::data {

namespace {

constexpr double exact_integers = 9007199254740992.0;  // 2^53

// Larger integers stay as they are: two of them may be the same double.
bool is_long_integer(std::string_view text, double value) {
  return text.find_first_of(".eE") == std::string_view::npos && std::abs(value) >= exact_integers;
}

}  // namespace

std::string plain_label(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return "1";
  if (text == "false" || text == "False" || text == "FALSE") return "0";
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != std::string_view::npos)
    return std::string(text);
  const std::optional<double> value = detail::number(std::string(text));
  if (!value || !std::isfinite(*value) || is_long_integer(text, *value)) return std::string(text);
  if (*value == std::trunc(*value) && std::abs(*value) < exact_integers)
    return fmt::format("{}", static_cast<std::int64_t>(*value));
  return fmt::format("{}", *value);
}

std::optional<int> find_label(const std::map<std::string, int>& map, const std::string& text) {
  if (const auto same = map.find(text); same != map.end()) return same->second;
  std::optional<int> found;
  const std::string plain = plain_label(text);
  for (const auto& [key, index] : map) {
    if (plain_label(key) != plain) continue;
    if (found && *found != index) return {};
    found = index;
  }
  return found;
}

std::optional<std::size_t> position_of_label(std::string_view text, std::size_t count) {
  std::size_t position = count;
  if (text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z') {
    position = static_cast<std::size_t>(text[0] - 'A');
  } else if (text.size() == 1 && text[0] >= 'a' && text[0] <= 'z') {
    position = static_cast<std::size_t>(text[0] - 'a');
  } else {
    const std::string plain = plain_label(text);
    const char* const end = plain.data() + plain.size();
    const auto [stop, error] = std::from_chars(plain.data(), end, position);
    if (error != std::errc() || stop != end) return {};
  }
  if (position >= count) return {};
  return position;
}

std::string label_list(const std::map<std::string, int>& map) {
  constexpr std::size_t most = 20;
  std::string list;
  std::size_t listed = 0;
  for (const auto& entry : map) {
    if (++listed > most) return fmt::format("{} and {} more", list, map.size() - most);
    list += (list.empty() ? "'" : ", '") + entry.first + "'";
  }
  return list;
}

}  // namespace zofo::data
