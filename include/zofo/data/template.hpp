/// @file Prompt templates: text with `{field}`s.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace zofo::data {

struct JsonLine;

/// A text whose `{field}`s are replaced by the fields of a JSON object; `{{` stands for `{` and `}}` for `}`.
/// A filter may follow the field's name: `{field|lower}` changes its first letter to lower case (ASCII),
/// unless it begins with the word I; `{field|open}` removes a full stop at its end, so that the sentence can
/// continue.
class Template {
 public:
  /// Parses the text. Throws Error with the byte position for an unbalanced brace, an empty field name or an
  /// unknown filter.
  explicit Template(std::string text);

  /// The text with every field replaced. Braces inside values have no meaning. Throws Error for a missing
  /// field: it names the field, the file and line, and the existing fields.
  [[nodiscard]] std::string render(const JsonLine& line) const;

  /// The text as written.
  [[nodiscard]] const std::string& text() const { return text_; }

  /// The names of the fields, in the order of use.
  [[nodiscard]] std::vector<std::string> fields() const;

 private:
  struct Piece {
    bool is_field;
    std::string text;
    std::string filter = {};
  };

  std::size_t parse(std::size_t at);
  std::size_t parse_field(std::size_t at);

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace zofo::data
