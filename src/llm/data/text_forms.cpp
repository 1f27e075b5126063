#include "text_forms.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace zofo::data::detail {

namespace {

void append_utf8(std::string& text, char32_t c) {
  const auto add = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return add(c);
  if (c < 0x800) return add(0xC0U | (c >> 6U)), add(0x80U | (c & 0x3FU));
  if (c < 0x10000) return add(0xE0U | (c >> 12U)), add(0x80U | ((c >> 6U) & 0x3FU)), add(0x80U | (c & 0x3FU));
  add(0xF0U | (c >> 18U)), add(0x80U | ((c >> 12U) & 0x3FU)), add(0x80U | ((c >> 6U) & 0x3FU));
  add(0x80U | (c & 0x3FU));
}

constexpr bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// True for characters of words: letters, digits and the underscore; beyond ASCII all except the blocks of
// punctuation and symbols.
constexpr bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  if (c <= 0xBF)
    return c == 0xAA || c == 0xB2 || c == 0xB3 || c == 0xB5 || (c >= 0xB9 && c != 0xBB && c != 0xBF);
  return c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x20A0 && c <= 0x20CF) &&
         !(c >= 0x2190 && c <= 0x245F) && !(c >= 0x2500 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x3004) &&
         !(c >= 0x3008 && c <= 0x3020) && !(c >= 0xFE10 && c <= 0xFE6F) && !(c >= 0xFFF0 && c <= 0xFFFF) &&
         !(c >= 0x1F000 && c <= 0x1FAFF);
}

}  // namespace

std::u32string characters(std::string_view text) {
  std::u32string result;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    char32_t c = length == 1 ? first : first & (0xFFU >> (length + 1));
    bool whole = first < 0x80 || (first >= 0xC2 && first < 0xF5 && at + length <= text.size());
    for (std::size_t i = 1; whole && i < length; ++i) {
      const auto byte = static_cast<unsigned char>(text[at + i]);
      whole = (byte & 0xC0U) == 0x80;
      c = (c << 6U) | (byte & 0x3FU);
    }
    result.push_back(whole ? c : U'\uFFFD');
    at += whole ? length : 1;
  }
  return result;
}

char32_t lower_case(char32_t c) {
  const auto in = [c](char32_t low, char32_t high) { return c >= low && c <= high; };
  if (in('A', 'Z') || (in(0xC0, 0xDE) && c != 0xD7) || (in(0x391, 0x3A9) && c != 0x3A2) || in(0x410, 0x42F))
    return c + 32;
  if (in(0x400, 0x40F)) return c + 80;
  if (c == 0x178) return 0xFF;
  const bool odd_pairs = in(0x139, 0x148) || in(0x179, 0x17E);  // here capitals have odd code points
  const bool pairs = (in(0x100, 0x137) && c != 0x130 && c != 0x131) || in(0x14A, 0x177) || in(0x460, 0x481);
  if (odd_pairs) return (c & 1U) != 0 ? c + 1 : c;
  if (pairs) return (c & 1U) == 0 ? c + 1 : c;
  return c;
}

bool is_punctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

std::vector<std::u32string> words(const std::u32string& text) {
  std::vector<std::u32string> result;
  bool inside = false;
  for (const char32_t c : text) {
    if (is_space(c)) {
      inside = false;
    } else {
      if (!inside) result.emplace_back();
      result.back().push_back(c);
      inside = true;
    }
  }
  return result;
}

std::string joined(const std::vector<std::u32string>& words) {
  std::string text;
  for (const std::u32string& word : words) {
    if (!text.empty()) text += ' ';
    for (const char32_t c : word) append_utf8(text, c);
  }
  return text;
}

std::u32string without_articles(const std::u32string& text) {
  std::u32string result;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    const std::u32string_view word = std::u32string_view(text).substr(at, end - at);
    if (end == at)
      result.push_back(text[end++]);
    else if (word == U"a" || word == U"an" || word == U"the")
      result.push_back(U' ');
    else
      result += word;
    at = end;
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(white), text.size());
  return text.substr(begin, text.find_last_not_of(white) + 1 - begin);
}

std::optional<double> number(std::string text) {
  for (char& c : text) c = ascii_lower(c);
  if (text.starts_with('+') && !text.starts_with("+-")) text.erase(0, 1);
  const auto digit = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') continue;
    if (i == 0 || !digit(i - 1) || !digit(i + 1)) return {};
    text.erase(i--, 1);
  }
  if (text.find('(') != std::string::npos) return {};  // from_chars accepts nan(…), Python does not
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return {};
  if (error == std::errc::result_out_of_range) value = text.find("e-") == std::string::npos ? HUGE_VAL : 0.0;
  return value;
}

}  // namespace zofo::data::detail
