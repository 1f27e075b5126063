#include "zofo/parse/toml.hpp"

#include <algorithm>

namespace zofo::parse {

void detail::toml_assertion_failed(std::string_view condition) {
  fail("broken TOML (toml++: {})", condition);
}

namespace {

/// Scans a file before toml++ 3.3 parses it. toml++ bounds the nesting of values but not of the tables that a
/// dotted key creates, and its behaviour is undefined for non-ASCII characters where it expects white space.
class TomlScan {
 public:
  TomlScan(std::string_view text, std::string_view file) : text_(text), file_(file) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // byte order mark
  }

  /// Throws Error with file and line.
  void check() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        string(c);
      } else {
        refuse_non_ascii(at_, "a non-ASCII character outside of strings and comments");
        if (c == '.' && ++parts_ > longest_toml_key)
          fail("{}:{}: a key of more than {} parts", file_, line(at_), longest_toml_key);
        if (std::string_view(",=[]{}\n").find(c) != std::string_view::npos) parts_ = 1;
        ++at_;
      }
    }
  }

 private:
  [[nodiscard]] std::size_t line(std::size_t at) const {
    return 1 + static_cast<std::size_t>(std::ranges::count(text_.substr(0, at), '\n'));
  }
  void refuse_non_ascii(std::size_t at, std::string_view what) const {
    if (at < text_.size() && static_cast<unsigned char>(text_[at]) >= 0x80)
      fail("{}:{}: {}", file_, line(at), what);
  }

  /// Skips a string. A string without a closing quote ends with its line, or with the file if it is a
  /// multi-line string. A quote inside a word is refused: toml++ does not start a string there.
  void string(char quote) {
    if (at_ > 0 && std::string_view(" \t\r\n,=[{.").find(text_[at_ - 1]) == std::string_view::npos)
      fail("{}:{}: a quote inside a word", file_, line(at_));
    const std::string fence(3, quote);
    const bool multi_line = text_.substr(at_).starts_with(fence);
    at_ += multi_line ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\' && quote == '"') {
        const std::size_t next = text_.find_first_not_of(" \t\r\n", at_ + 1);
        refuse_non_ascii(std::min(next, text_.size()), "a non-ASCII character after '\\' and white space");
        at_ += 2;
      } else if (multi_line && text_.substr(at_).starts_with(fence)) {
        at_ += 3;
        // Up to two more quotes belong to the content.
        for (int i = 0; i < 2 && text_.substr(at_).starts_with(quote); ++i) ++at_;
        return;
      } else if (!multi_line && (c == quote || c == '\n')) {
        return void(at_ += c == quote ? 1 : 0);
      } else {
        ++at_;
      }
    }
    at_ = text_.size();
  }

  std::string_view text_, file_;
  std::size_t at_ = 0;
  std::size_t parts_ = 1;  ///< of the key that may contain at_
};

}  // namespace

toml::table parse_toml(std::string_view text, const std::string& name) {
  TomlScan(text, name).check();
  try {
    return with_path(name, [&] { return toml::parse(text, name); });
  } catch (const toml::parse_error& error) {
    fail("{}:{}: {}", name, error.source().begin.line, error.description());
  }
}

toml::table read_toml(const std::filesystem::path& path) {
  return parse_toml(read_file(path), path.string());
}

}  // namespace zofo::parse
