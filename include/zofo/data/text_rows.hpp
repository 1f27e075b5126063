/// @file Rows of free text: conversations, prompts with completions, instructions, plain texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "zofo/data/task_definition.hpp"

namespace zofo::data {

/// The shape of a row, by the fields that it has.
enum class TextShape : std::uint8_t {
  messages,           ///< `messages`: a list of {"role", "content"}; the assistant's turns are learnt
  prompt_completion,  ///< `prompt` and `completion`: two texts, or two lists of messages
  instruction,        ///< `instruction`, `output`, and `input`, which may be empty
  plain               ///< `text`
};

/// Name of a shape, for people.
std::string_view name_of(TextShape shape);

/// The first shape whose fields are among `names`.
std::optional<TextShape> text_shape(std::span<const std::string> names);

/// The prompt of an instruction: "### Instruction:", the text, "### Input:", the text where there is one, and
/// "### Response:", with blank lines between them.
std::string instruction_prompt(std::string_view instruction, std::string_view input);

/// A task of kind text.
Task text_definition(std::string name, std::size_t max_length = 0);

/// A row as an example of kind text. A conversation is the text of a JSON object with `messages` and, where
/// the row has them, `tools`, keys in the order of the file; other rows have one continuation. Throws Error
/// naming file, line and field for a row of no shape, a blank answer, messages that are no list of objects
/// with a role, and a conversation without an answer.
Example text_example(const JsonLine& line);

}  // namespace zofo::data
