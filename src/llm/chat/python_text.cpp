#include "llm/chat/python_text.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "zofo/tokenize/utf8.hpp"

namespace zofo::chat {

namespace {

bool is_letter(char32_t code) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LT;
}

// str.isprintable of one code point.
bool is_printable(char32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return code == U' ';
    default:
      return true;
  }
}

char32_t lower_code(char32_t code) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}
char32_t title_code(char32_t code) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(code)));
}

constexpr char32_t sharp_s = 0xDF;

// Calls take(code) for each code point.
template <class Take>
void for_each_code(std::string_view text, Take&& take) {
  for (std::size_t at = 0; at < text.size();) take(tokenize::utf8::next(text, at));
}

// `starts(position)` is true where a letter begins a word.
template <class Starts>
std::string with_capitals(std::string_view text, Starts&& starts) {
  std::string result;
  for_each_code(text, [&](char32_t code) {
    if (!starts(code))
      tokenize::utf8::append(result, lower_code(code));
    else if (code == sharp_s)
      result += "Ss";
    else
      tokenize::utf8::append(result, title_code(code));
  });
  return result;
}

// The start of the last character before `end`.
std::size_t character_before(std::string_view text, std::size_t end) {
  do --end;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U);
  return end;
}

char32_t code_at(std::string_view text, std::size_t at) { return tokenize::utf8::next(text, at); }

std::vector<std::string> split_at_spaces(std::string_view text, std::size_t splits, bool from_right) {
  std::vector<std::string> parts;
  for (text = stripped(text, {}, !from_right, from_right); !text.empty();) {
    std::size_t start = 0, end = text.size();  // of the next part
    if (parts.size() < splits && !from_right) {
      for (end = 0; end < text.size() && !is_space(code_at(text, end));) tokenize::utf8::next(text, end);
    } else if (parts.size() < splits) {
      for (start = text.size(); start > 0;) {
        const std::size_t before = character_before(text, start);
        if (is_space(code_at(text, before))) break;
        start = before;
      }
    }
    parts.emplace_back(text.substr(start, end - start));
    text = from_right ? stripped(text.substr(0, start), {}, false, true)
                      : stripped(text.substr(end), {}, true, false);
  }
  return parts;
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for_each_code(text, [&](char32_t code) { points += code; });
  return points;
}

std::string text_of(std::u32string_view points) {
  std::string text;
  for (const char32_t code : points) tokenize::utf8::append(text, code);
  return text;
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string_view stripped(std::string_view text, const std::optional<std::u32string>& characters, bool left,
                          bool right) {
  const auto goes = [&](char32_t code) {
    return characters ? characters->find(code) != std::u32string::npos : is_space(code);
  };
  while (left && !text.empty()) {
    std::size_t next = 0;
    if (!goes(tokenize::utf8::next(text, next))) break;
    text.remove_prefix(next);
  }
  while (right && !text.empty()) {
    const std::size_t last = character_before(text, text.size());
    if (!goes(code_at(text, last))) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string upper(std::string_view text) {
  std::string result;
  for_each_code(text, [&](char32_t code) {
    if (code == sharp_s)
      result += "SS";
    else
      tokenize::utf8::append(result,
                             static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code))));
  });
  return result;
}

std::string lower(std::string_view text) {
  return with_capitals(text, [](char32_t) { return false; });
}

std::string capitalised(std::string_view text) {
  bool first = true;
  return with_capitals(text, [&](char32_t) { return std::exchange(first, false); });
}

std::string titled(std::string_view text) {
  bool in_word = false;
  return with_capitals(text, [&](char32_t code) {
    const bool letter = is_letter(code);
    return !std::exchange(in_word, letter) && letter;
  });
}

std::vector<std::string> split(std::string_view text, const std::optional<std::string>& separator,
                               std::size_t splits, bool from_right) {
  std::vector<std::string> parts;
  if (!separator) {
    parts = split_at_spaces(text, splits, from_right);
  } else {
    while (parts.size() < splits) {
      const std::size_t at = from_right ? text.rfind(*separator) : text.find(*separator);
      if (at == std::string_view::npos) break;
      parts.emplace_back(from_right ? text.substr(at + separator->size()) : text.substr(0, at));
      text = from_right ? text.substr(0, at) : text.substr(at + separator->size());
    }
    parts.emplace_back(text);
  }
  if (from_right) std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string> split_lines(std::string_view text) {
  static constexpr std::u32string_view ends = U"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029";
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const char32_t code = tokenize::utf8::next(text, at);
    if (ends.find(code) == std::u32string_view::npos) continue;
    lines.emplace_back(text.substr(start, here - start));
    if (code == U'\r' && at < text.size() && text[at] == '\n') ++at;
    start = at;
  }
  if (start < text.size()) lines.emplace_back(text.substr(start));
  return lines;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::size_t most) {
  std::string result;
  if (from.empty()) {  // between all characters, and at both ends
    std::size_t at = 0;
    for (std::size_t i = 0; i < most; ++i) {
      result += to;
      if (at == text.size()) return result;
      const std::size_t start = at;
      tokenize::utf8::next(text, at);
      result += text.substr(start, at - start);
    }
    return result.append(text.substr(at));
  }
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t at = text.find(from);
    if (at == std::string_view::npos) break;
    result.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return result.append(text);
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  if (part.empty()) return length_of(text) + 1;
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

std::string repr_of(std::string_view text) {
  const char quote =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string result(1, quote);
  for_each_code(text, [&](char32_t code) {
    static constexpr std::u32string_view escaped = U"\\\n\r\t";
    static constexpr std::array<const char*, 4> escapes{"\\\\", "\\n", "\\r", "\\t"};
    const auto number = static_cast<std::uint32_t>(code);
    if (const auto known = escaped.find(code); known != std::u32string_view::npos)
      result += escapes[known];
    else if (code == static_cast<char32_t>(quote))
      result.append({'\\', quote});
    else if (is_printable(code))
      tokenize::utf8::append(result, code);
    else
      result += number < 0x100     ? fmt::format("\\x{:02x}", number)
                : number < 0x10000 ? fmt::format("\\u{:04x}", number)
                                   : fmt::format("\\U{:08x}", number);
  });
  return result + quote;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace zofo::chat
