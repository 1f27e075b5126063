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

/// A text with `{field}`s to be filled from a row; `{{` stands for `{` and `}}` for `}`. A filter may follow
/// the field's name: `{field|lower}` makes its first letter small (ASCII), unless it begins with the word I;
/// `{field|open}` takes a full stop off its end, so that the sentence can continue.
class Template {
 public:
  /// Parses the text. Error, with the byte position, for a brace without its partner, an empty field name
  /// or an unknown filter.
  explicit Template(std::string text) : text_(std::move(text)) {
    for (std::size_t at = 0; at < text_.size();) at = parse(at);
  }

  /// The text with every field replaced; values are inserted as they are, braces in them mean nothing.
  /// Error for a missing field: names it, the file and line, and the fields there.
  std::string render(const JsonLine& row) const {
    std::string result;
    for (const Piece& piece : pieces_)
      result += piece.is_field ? filtered(row.text(piece.text), piece.filter) : piece.text;
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
    std::string filter = {};
  };

  static std::string filtered(std::string value, const std::string& filter) {
    if (filter == "lower") {
      const bool is_name = value.starts_with("I ") || value.starts_with("I'");
      if (!value.empty() && !is_name && value[0] >= 'A' && value[0] <= 'Z')
        value[0] = static_cast<char>(value[0] - 'A' + 'a');
    } else if (filter == "open") {
      value.erase(std::min(value.find_last_not_of(" \t\r\n") + 1, value.size()));
      if (value.ends_with('.')) value.pop_back();
    }
    return value;
  }

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
    const std::string inside = text_.substr(at + 1, end - at - 1);
    const std::size_t bar = std::min(inside.find('|'), inside.size());
    require(bar > 0, "template '{}': field at byte {} has no name", text_, at);
    const std::string filter = bar < inside.size() ? inside.substr(bar + 1) : "";
    require(bar == inside.size() || filter == "lower" || filter == "open",
            "template '{}': filter '{}' at byte {}: must be lower or open", text_, filter, at + 1 + bar + 1);
    pieces_.push_back({true, inside.substr(0, bar), filter});
    return end + 1;
  }

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace zofo::data
