/// @file Prompt templates: text with `{field}`s.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"

namespace zofo::data {

/// A text with `{field}`s to be filled from a row; `{{` stands for `{` and `}}` for `}`.
class Template {
 public:
  /// Parses the text. Error, with the byte position, for a brace without its partner or an empty field name.
  explicit Template(std::string text) : text_(std::move(text)) {
    for (std::size_t at = 0; at < text_.size();) at = parse(at);
  }

  /// The text with every field replaced; values are inserted as they are, braces in them mean nothing.
  /// Error for a missing field: names it, the file and line, and the fields there.
  std::string render(const Row& row) const {
    std::string result;
    for (const Piece& piece : pieces_) result += piece.is_field ? row.text(piece.text) : piece.text;
    return result;
  }

  /// The text as written.
  const std::string& text() const { return text_; }

  /// The names of the fields, in the order of use.
  std::vector<std::string> fields() const {
    std::vector<std::string> names;
    for (const Piece& piece : pieces_)
      if (piece.is_field) names.push_back(piece.text);
    return names;
  }

 private:
  struct Piece {
    bool is_field;
    std::string text;
  };

  /// Reads the piece that starts at `at`; returns where the next one starts.
  std::size_t parse(std::size_t at) {
    const std::string_view rest = std::string_view(text_).substr(at);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      pieces_.push_back({false, std::string(1, rest[0])});
      return at + 2;
    }
    require(rest[0] != '}', "template '{}': '}}' at byte {} closes nothing (write '}}}}' for a brace)", text_,
            at);
    if (rest[0] == '{') return parse_field(at);
    const std::size_t length = std::min(rest.find_first_of("{}"), rest.size());
    pieces_.push_back({false, std::string(rest.substr(0, length))});
    return at + length;
  }

  std::size_t parse_field(std::size_t at) {
    const std::size_t end = text_.find_first_of("{}", at + 1);
    require(end != std::string::npos && text_[end] == '}',
            "template '{}': '{{' at byte {} is not closed (write '{{{{' for a brace)", text_, at);
    require(end > at + 1, "template '{}': field at byte {} has no name", text_, at);
    pieces_.push_back({true, text_.substr(at + 1, end - at - 1)});
    return end + 1;
  }

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace zofo::data
