#include "llm/chat/lexer.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::chat {

namespace {

using Type = TemplateToken::Type;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string with_plain_line_ends(const std::string& source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(const std::string& source) : source_(with_plain_line_ends(source)) {}

  std::vector<TemplateToken> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = next_tag();
      std::string_view text = std::string_view(source_).substr(at_, tag - at_);
      if (tag == source_.size()) {
        add(Type::text, std::string(text));
        move_to(tag);
        break;
      }
      const char kind = source_[tag + 1];
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      const bool has_sign = sign == '-' || sign == '+';
      if (sign == '-')
        text = stripped(text, {}, false, true);
      else if (sign != '+' && kind != '{')
        text = without_blanks_of_last_line(text);
      add(Type::text, std::string(text));
      move_to(tag + (has_sign ? 3 : 2));
      at_line_start_ = false;
      if (kind == '#')
        comment();
      else if (kind == '{')
        tag_tokens(Type::print_begin, Type::print_end, "}}");
      else if (!raw())
        tag_tokens(Type::block_begin, Type::block_end, "%}");
    }
    add(Type::end, "end of the template");
    return std::move(tokens_);
  }

 private:
  // Names the line.
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("line {}: {}", line_, fmt::format(format, std::forward<Args>(args)...));
  }
  void add(Type type, std::string text) {
    if (type != Type::text || !text.empty()) tokens_.push_back({type, std::move(text), line_});
  }
  [[nodiscard]] std::string_view rest() const { return std::string_view(source_).substr(at_); }
  void move_to(std::size_t end) {
    line_ += static_cast<std::size_t>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                 source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
  }
  void skip_space() {
    const std::string_view text = rest();
    move_to(at_ + text.size() - stripped(text, {}, true, false).size());
  }
  [[nodiscard]] std::size_t next_tag() const {
    for (std::size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1))
      if (i + 1 < source_.size() && std::string_view("{%#").find(source_[i + 1]) != std::string_view::npos)
        return i;
    return source_.size();
  }
  [[nodiscard]] std::string_view without_blanks_of_last_line(std::string_view text) const {
    const std::size_t line_end = text.rfind('\n');
    if (line_end == std::string_view::npos && !at_line_start_) return text;
    const std::size_t start = line_end == std::string_view::npos ? 0 : line_end + 1;
    return stripped(text.substr(start), {}, true, false).empty() ? text.substr(0, start) : text;
  }

  // The end of a tag at the current place: "-}}" and "-%}" remove the white space after them, "%}" and "#}"
  // the line end, "+%}" nothing. `line_end`: whether this tag removes it.
  bool ends_here(std::string_view end, bool line_end) {
    const std::string_view text = rest();
    const bool removes = text.starts_with('-') && text.substr(1).starts_with(end);
    const bool keeps = line_end && text.starts_with('+') && text.substr(1).starts_with(end);
    if (!removes && !keeps && !text.starts_with(end)) return false;
    const std::size_t from = at_ + end.size() + (removes || keeps ? 1 : 0);
    move_to(from);
    if (removes) skip_space();
    if (!removes && !keeps && line_end && rest().starts_with('\n')) move_to(at_ + 1);
    at_line_start_ = at_ > from && source_[at_ - 1] == '\n';
    return true;
  }

  void comment() {
    const std::size_t start = line_;
    for (; at_ < source_.size(); move_to(at_ + 1))
      if (ends_here("#}", true)) return;
    fail("line {}: comment is not closed", start);
  }

  // {% raw %}…{% endraw %}; false where the block is another one.
  bool raw() {
    const std::string_view inside = stripped(rest(), {}, true, false);
    if (!inside.starts_with("raw")) return false;
    const std::string_view after = stripped(inside.substr(3), {}, true, false);
    if (!after.starts_with("%}") && !after.starts_with("-%}")) return false;
    move_to(source_.size() - after.size());
    const bool removes = after.starts_with('-');
    move_to(at_ + (removes ? 3 : 2));
    if (removes) skip_space();
    const std::size_t start = at_;
    for (std::size_t tag = source_.find("{%", start); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      std::string_view end = std::string_view(source_).substr(tag + 2);
      const char sign = end.empty() ? '\0' : end[0];
      if (sign == '-' || sign == '+') end.remove_prefix(1);
      end = stripped(end, {}, true, false);
      if (!end.starts_with("endraw")) continue;
      end = stripped(end.substr(6), {}, true, false);
      if (!end.starts_with("%}") && !end.starts_with("-%}") && !end.starts_with("+%}")) continue;
      std::string_view text = std::string_view(source_).substr(start, tag - start);
      if (sign == '-')
        text = stripped(text, {}, false, true);
      else if (sign != '+')
        text = without_blanks_of_last_line(text);
      add(Type::text, std::string(text));
      move_to(source_.size() - end.size());
      ends_here("%}", true);
      return true;
    }
    refuse("{{% raw %}} has no {{% endraw %}}");
  }

  void tag_tokens(Type begin, Type end_type, std::string_view end) {
    const std::size_t start = line_;
    tokens_.push_back({begin, begin == Type::print_begin ? "{{" : "{%", line_});
    std::vector<char> open;
    for (;;) {
      if (open.empty()) {
        const std::size_t line = line_;
        if (ends_here(end, begin == Type::block_begin)) {
          tokens_.push_back({end_type, std::string(end), line});
          return;
        }
      }
      if (at_ == source_.size()) fail("line {}: tag is not closed", start);
      token(open);
    }
  }

  void token(std::vector<char>& open) {
    const std::size_t before = at_;
    skip_space();
    if (at_ > before) return;
    const char c = source_[at_];
    if (is_digit(c)) return number();
    if (c == '\'' || c == '"') return string(c);
    if (is_name(c)) {
      std::size_t end = at_;
      while (end < source_.size() && is_name(source_[end])) ++end;
      add(Type::name, source_.substr(at_, end - at_));
      return move_to(end);
    }
    static constexpr std::array<std::string_view, 6> pairs{"==", "!=", ">=", "<=", "//", "**"};
    static constexpr std::string_view single = "+-*/%~[](){}><=.:|,;";
    const std::string_view two = rest().substr(0, 2);
    if (std::ranges::find(pairs, two) != pairs.end()) {
      add(Type::symbol, std::string(two));
      return move_to(at_ + 2);
    }
    if (single.find(c) == std::string_view::npos) refuse("unexpected character '{}'", c);
    bracket(c, open);
    add(Type::symbol, std::string(1, c));
    move_to(at_ + 1);
  }

  void bracket(char c, std::vector<char>& open) const {
    static constexpr std::string_view opening = "([{", closing = ")]}";
    if (const std::size_t i = opening.find(c); i != std::string_view::npos) open.push_back(closing[i]);
    if (closing.find(c) == std::string_view::npos) return;
    if (open.empty() || open.back() != c) refuse("unexpected '{}'", c);
    open.pop_back();
  }

  void number() {
    std::size_t end = at_;
    bool real = false;
    const auto digits = [&] {
      while (end < source_.size() && (is_digit(source_[end]) || source_[end] == '_')) ++end;
    };
    digits();
    const bool after_dot =
        !tokens_.empty() && tokens_.back().type == Type::symbol && tokens_.back().text == ".";
    if (!after_dot && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1]))
      real = true, ++end, digits();
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const std::size_t sign =
          end + 1 < source_.size() && (source_[end + 1] == '-' || source_[end + 1] == '+');
      if (end + 1 + sign < source_.size() && is_digit(source_[end + 1 + sign]))
        real = true, end += 1 + sign, digits();
    }
    if (end < source_.size() && is_name(source_[end]))
      refuse("number '{}' is not supported", source_.substr(at_, end + 1 - at_));
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    add(real ? Type::real : Type::integer, std::move(text));
    move_to(end);
  }

  void string(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) refuse("string is not closed");
    add(Type::string, unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    move_to(end + 1);
  }

  // Escapes as Python has them; a backslash before another character stays.
  [[nodiscard]] std::string unescaped(std::string_view text) const {
    static constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        result += text[i];
        continue;
      }
      const char c = text[++i];
      if (const std::size_t known = from.find(c); known != std::string_view::npos)
        result += to[known];
      else if (c == 'x' || c == 'u' || c == 'U')
        i += append_code(result, text.substr(i + 1), c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
      else if (c >= '0' && c <= '7')
        i += append_code(result, text.substr(i), octal_digits(text.substr(i)), 8) - 1;
      else if (c == 'N')
        refuse("escape \\N is not supported");
      else if (c != '\n')
        result.append({'\\', c});
    }
    return result;
  }
  static std::size_t octal_digits(std::string_view text) {
    const std::size_t end = std::min(text.find_first_not_of("01234567"), text.size());
    return std::min<std::size_t>(end, 3);
  }
  // Appends the code point of the first `digits` digits; returns their number.
  std::size_t append_code(std::string& result, std::string_view text, std::size_t digits,
                          unsigned base) const {
    char32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = i < text.size() ? text[i] : '?';
      const auto place = std::string_view("0123456789abcdef")
                             .find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (place == std::string_view::npos) refuse("escape in a string has too few digits");
      code = code * base + static_cast<char32_t>(place);
      if (code > 0x10FFFF) break;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      refuse("escape in a string: must be a code point of Unicode");
    tokenize::utf8::append(result, code);
    return digits;
  }

  std::string source_;
  std::size_t at_ = 0, line_ = 1;
  bool at_line_start_ = true;
  std::vector<TemplateToken> tokens_;
};

}  // namespace

std::vector<TemplateToken> template_tokens(const std::string& source) { return Lexer(source).run(); }

}  // namespace zofo::chat
