/// @file TOML from untrusted sources: what ends the stack of the library that parses it, or leaves its language, is
/// refused.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::parse::detail {

/// toml++ 3.3 asserts things that a broken file denies, before it says what is wrong with the file.
[[noreturn]] inline void toml_denied(std::string_view what) { fail("broken TOML (toml++: {})", what); }

}  // namespace zofo::parse::detail

// toml++'s own setting; with NDEBUG it asserts nothing. Others here include the library through this header.
#ifndef TOML_ASSERT
#define TOML_ASSERT(expression) ((expression) ? void() : ::zofo::parse::detail::toml_denied(#expression))
#endif
#include <toml++/toml.h>

namespace zofo::parse {

/// Parts that a key of a TOML file may have, as a.b.c has three.
inline constexpr std::size_t longest_toml_key = 16;

namespace detail {

/// Walks a file before toml++ 3.3 does, which bounds the nesting of values but not of the tables that a key's
/// dots make, and whose behaviour is undefined for letters beyond ASCII where it looks for blanks.
class TomlScan {
 public:
  TomlScan(std::string_view text, std::string_view file) : text_(text), file_(file) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // a mark of byte order
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
        refuse_beyond_ascii(at_, "a letter beyond ASCII outside of strings and comments");
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
  void refuse_beyond_ascii(std::size_t at, std::string_view what) const {
    if (at < text_.size() && static_cast<unsigned char>(text_[at]) >= 0x80)
      fail("{}:{}: {}", file_, line(at), what);
  }

  /// Passes over a string; one that is not closed ends with its line, or with the file. A quote inside a word
  /// would begin a string here and none there.
  void string(char quote) {
    if (at_ > 0 && std::string_view(" \t\r\n,=[{.").find(text_[at_ - 1]) == std::string_view::npos)
      fail("{}:{}: a quote inside a word", file_, line(at_));
    const std::string fence(3, quote);
    const bool lines = text_.substr(at_).starts_with(fence);
    at_ += lines ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\' && quote == '"') {
        const std::size_t next = text_.find_first_not_of(" \t\r\n", at_ + 1);
        refuse_beyond_ascii(std::min(next, text_.size()), "a letter beyond ASCII behind '\\' and blanks");
        at_ += 2;
      } else if (lines && text_.substr(at_).starts_with(fence)) {
        at_ += 3;
        for (int i = 0; i < 2 && text_.substr(at_).starts_with(quote); ++i)
          ++at_;  // the text's own last quotes
        return;
      } else if (!lines && (c == quote || c == '\n')) {
        return void(at_ += c == quote ? 1 : 0);
      } else {
        ++at_;
      }
    }
    at_ = text_.size();
  }

  std::string_view text_, file_;
  std::size_t at_ = 0;
  std::size_t parts_ = 1;  ///< of the key that `at_` may be in
};

}  // namespace detail

/// The text as a table; `name` is the text's in errors. Throws Error (name, line) for what is no TOML, keys
/// of too many parts, and letters beyond ASCII at the start of what follows a line that '\' ends.
inline toml::table parse_toml(std::string_view text, const std::string& name) {
  detail::TomlScan(text, name).check();
  try {
    return with_path(name, [&] { return toml::parse(text, name); });
  } catch (const toml::parse_error& error) {
    fail("{}:{}: {}", name, error.source().begin.line, error.description());
  }
}

/// The file as a table. Throws Error as parse_toml does, and if it can't be read.
inline toml::table read_toml(const std::filesystem::path& path) {
  return parse_toml(read_file(path), path.string());
}

}  // namespace zofo::parse
