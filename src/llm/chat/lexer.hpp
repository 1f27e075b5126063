/// @file Splits a chat template into texts and the tokens of its tags.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace zofo::chat {

/// A text outside of tags, or a token inside of one.
struct TemplateToken {
  enum class Type : std::uint8_t {
    text,         ///< outside of tags
    print_begin,  ///< {{
    print_end,    ///< }}
    block_begin,  ///< {%
    block_end,    ///< %}
    name,
    string,   ///< without its quotes, escapes replaced
    integer,  ///< digits
    real,     ///< digits with a fraction or an exponent
    symbol,   ///< an operator or a bracket
    end       ///< of the template
  };
  Type type = Type::end;
  std::string text = {};
  std::size_t line = 1;  ///< counted from 1
};

/// Splits a template as Jinja does with trim_blocks and lstrip_blocks: the line end after a block or a
/// comment and the blanks before one at the start of a line are removed, also a line end at the template's
/// end. Throws Error naming the line.
std::vector<TemplateToken> template_tokens(const std::string& source);

}  // namespace zofo::chat
