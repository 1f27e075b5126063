#include "zofo/tokenize/oniguruma.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/whitespace.hpp"

namespace zofo::tokenize {

namespace {

/// Translates a pattern in one pass. Constructs with the same meaning in both engines are copied, those with
/// different meanings are rewritten, and those without an equivalent are refused. Source: Oniguruma's doc/RE,
/// pcre2pattern(3).
class OnigurumaReader {
 public:
  explicit OnigurumaReader(std::string_view source) : source_(source) {}

  std::string translated() {
    out_ = "(*LF)";  // only \n ends a line, independent of how PCRE2 was built
    while (at_ < source_.size()) element();
    require(folds_.empty(), "pattern '{}': a group is not closed", source_);
    return std::move(out_);
  }

 private:
  static constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

  [[noreturn]] void refuse(std::size_t from, std::string_view why) const {
    fail("pattern '{}', offset {}: '{}': {}", source_, from, source_.substr(from, at_ - from), why);
  }

  bool skip(std::string_view text) {
    if (!source_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }
  bool folding() const { return !folds_.empty() && folds_.back(); }

  void element() {
    const std::size_t from = at_;
    const char c = source_[at_++];
    switch (c) {
      case '\\':
        return escape(false);
      case '[':
        return character_class();
      case '(':
        return open_group(from);
      case ')':
        if (folds_.empty()) refuse(from, "no group is open");
        folds_.pop_back();
        out_ += c;
        return;
      case '{':
        return interval(from);
      case '.':
        out_ += R"([^\n])";
        return;
      case '^':
      case '$':
        out_ += std::string("(?m:") + c + ")";  // they match at the ends of lines, not only of the text
        return;
      case '*':
      case '+':
      case '?':
      case '|':
        out_ += c;
        return;
      default:
        literal(from, c);
    }
  }

  void open_group(std::size_t from) {
    constexpr std::array<std::string_view, 6> alike{"?:", "?=", "?!", "?<=", "?<!", "?>"};
    out_ += '(';
    if (skip("?i:")) {
      out_ += "?i:";
      return folds_.push_back(true);
    }
    const auto kind = std::ranges::find_if(alike, [this](std::string_view text) { return skip(text); });
    if (kind != alike.end()) {
      out_ += *kind;
    } else if (peek() == '?' || peek() == '*') {
      ++at_;
      refuse(from, "must be one of ( (?: (?i: (?= (?! (?<= (?<! (?>");
    }
    folds_.push_back(folding());
  }

  /// {2}, {2,} and {2,3}. A + or ? after them has different meanings in the two engines.
  void interval(std::size_t from) {
    std::size_t end = at_;
    const auto digits = [&] {
      const std::size_t start = end;
      while (end < source_.size() && source_[end] >= '0' && source_[end] <= '9') ++end;
      return end > start;
    };
    const bool counted = digits();
    const bool open = counted && end < source_.size() && source_[end] == ',';
    if (open) ++end, digits();
    at_ = std::min(end + 1, source_.size());
    if (!counted || end >= source_.size() || source_[end] != '}')
      refuse(from, R"(must be {n}, {n,} or {n,m}; a brace itself is written \{)");
    if (peek() == '+' || (peek() == '?' && !open)) refuse(from, "no + or ? may follow");
    out_ += source_.substr(from, at_ - from);
  }

  void literal(std::size_t from, char c) {
    if (folding()) {
      if (static_cast<unsigned char>(c) >= 0x80) refuse(from, "must be ASCII where case is ignored");
      // Oniguruma also matches the ligature or letter whose case folding is the pair.
      constexpr std::array<std::string_view, 5> folded{"ss", "ff", "fi", "fl", "st"};
      const char lower = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      const std::array<char, 2> pair{last_folded_at_ + 1 == at_ ? last_folded_ : '\0', lower};
      if (std::ranges::find(folded, std::string_view(pair.data(), 2)) != folded.end())
        refuse(from - 1, "this pair is not supported where case is ignored");
      last_folded_ = lower;
      last_folded_at_ = at_;
    }
    out_ += c;
  }

  void escape(bool in_class) {
    const std::size_t from = at_ - 1;
    if (at_ == source_.size()) refuse(from, "nothing follows");
    const char c = source_[at_++];
    const auto set = [&](std::string_view members, bool negated) {
      if (in_class && negated) refuse(from, "is not supported inside a class");
      if (in_class && peek() == '-' && !source_.substr(at_).starts_with("-]"))
        refuse(from, "cannot begin a range");
      in_class ? out_ += members : out_ += (negated ? "[^" : "[") + std::string(members) + "]";
    };
    constexpr std::string_view controls = "tnrfae", codes = "\t\n\r\f\a\x1B";
    if (c == 's' || c == 'S') return set(kWhitespace, c == 'S');
    if (c == 'w' || c == 'W') return set(kWord, c == 'W');
    if (c == 'd' || c == 'D') return set(c == 'd' ? R"(\p{Nd})" : R"(\P{Nd})", false);
    if (c == 'p' || c == 'P') return property(from, c);
    if (c == 'x' || c == 'u') return code_point(from, c);
    if (const auto control = controls.find(c); control != std::string_view::npos) {
      out_ += fmt::format("\\x{{{:X}}}", static_cast<unsigned>(codes[control]));
    } else if (c == 'v') {
      out_ += R"(\x{B})";
    } else if (!in_class && (c == 'A' || c == 'z')) {
      out_ += {'\\', c};
    } else if (c > ' ' && c < 0x7F && !is_alphanumeric(c)) {
      out_ += {'\\', c};
    } else {
      refuse(from, "this escape is not supported");
    }
  }

  static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  }

  /// General categories have the same meaning. A script needs the prefix "sc:": without it PCRE2 also matches
  /// characters that the script shares with others.
  void property(std::size_t from, char c) {
    constexpr std::string_view categories =
        " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Cn "
        "Co ";
    const std::size_t close = source_.find('}', at_);
    if (peek() != '{' || close == std::string_view::npos) refuse(from, R"(must be written \p{NAME})");
    std::string_view name = source_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    if (folding()) refuse(from, "is not supported where case is ignored");
    const bool negated = name.starts_with('^') != (c == 'P');
    if (name.starts_with('^')) name.remove_prefix(1);
    if (name.empty() || !std::ranges::all_of(name, [](char l) { return is_alphanumeric(l) || l == '_'; }))
      refuse(from, "must name a general category or a script");
    const bool category = categories.find(" " + std::string(name) + " ") != std::string_view::npos;
    out_ += fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', category ? "" : "sc:", name);
  }

  /// \x{1F600}, \x41 (only ASCII: to Oniguruma it is a byte) and \u00e9.
  void code_point(std::size_t from, char kind) {
    const bool braced = kind == 'x' && skip("{");
    std::string digits;
    const std::size_t most = braced ? 6 : kind == 'x' ? 2 : 4;
    while (digits.size() < most &&
           std::string_view("0123456789abcdefABCDEF").find(peek()) != std::string_view::npos)
      digits += source_[at_++];
    if (digits.empty() || (braced ? !skip("}") : digits.size() != most))
      refuse(from, R"(must be \x{H...}, \xHH or \uHHHH)");
    const unsigned long code = std::stoul(digits, nullptr, 16);
    if (kind == 'x' && !braced && code >= 0x80) refuse(from, "is a byte, not a character");
    if (folding() && code >= 0x80) refuse(from, "must be ASCII where case is ignored");
    out_ += fmt::format("\\x{{{:X}}}", code);
  }

  void character_class() {
    const std::size_t from = at_ - 1;
    out_ += '[';
    if (skip("^")) out_ += '^';
    if (peek() == ']') ++at_, refuse(from, R"(an empty class; a bracket itself is written \])");
    while (at_ < source_.size() && source_[at_] != ']') {
      const std::size_t here = at_;
      const char c = source_[at_++];
      if (c == '\\') {
        escape(true);
      } else if (c == '[' || (c == '&' && peek() == '&')) {
        refuse(here, "sets of classes are not supported");
      } else {
        if (folding() && static_cast<unsigned char>(c) >= 0x80)
          refuse(here, "must be ASCII where case is ignored");
        out_ += c;
      }
    }
    if (at_ == source_.size()) refuse(from, "the class is not closed");
    out_ += source_[at_++];
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<bool> folds_;  // for every open group: whether case is ignored
  char last_folded_ = '\0';
  std::size_t last_folded_at_ = 0;
};

}  // namespace

std::string from_oniguruma(std::string_view pattern) { return OnigurumaReader(pattern).translated(); }

std::string literal_pattern(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
                       (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    plain ? quoted += c : quoted += fmt::format("\\x{{{:X}}}", static_cast<unsigned>(c));
  }
  return quoted;
}

}  // namespace zofo::tokenize
