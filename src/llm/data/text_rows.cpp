#include "zofo/data/text_rows.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::data {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view shapes =
    "messages; prompt and completion; instruction and output; or text (docs/guide/own-task.md)";

std::vector<std::string> names_of(const JsonLine& line) {
  std::vector<std::string> names;
  for (const auto& item : line.fields.items())
    if (!item.value().is_null()) names.push_back(item.key());
  return names;
}

// A list of messages; a CSV file has it as a text of JSON. Throws Error naming the field.
Json messages_in(const JsonLine& line, const Json& row, const std::string& field) {
  Json messages = row.at(field);
  if (messages.is_string())
    messages = parse::with_path(line.location() + ": field '" + field + "'",
                                [&] { return parse::parse_ordered_json(messages.get<std::string>()); });
  require(messages.is_array() && !messages.empty(), "{}: field '{}': must be a list of messages",
          line.location(), field);
  for (const Json& message : messages)
    require(message.is_object() && message.contains("role") && message.at("role").is_string(),
            "{}: field '{}': a message must be an object with role and content", line.location(), field);
  return messages;
}

Example conversation_of(const JsonLine& line, TextShape shape) {
  const Json row = line.ordered();
  Json chat = Json::object();
  Example made;
  if (shape == TextShape::messages) {
    chat["messages"] = messages_in(line, row, "messages");
  } else {
    chat["messages"] = messages_in(line, row, "prompt");
    made.prompt_messages = chat["messages"].size();
    for (Json& message : messages_in(line, row, "completion")) chat["messages"].push_back(std::move(message));
  }
  const auto answers = [&](const Json& message) { return message.at("role") == "assistant"; };
  const auto first = chat["messages"].begin() + static_cast<std::ptrdiff_t>(made.prompt_messages);
  require(std::any_of(first, chat["messages"].end(), answers),
          "{}: no message has the role 'assistant', so there is no answer to learn", line.location());
  if (line.has("tools")) {
    chat["tools"] = row.at("tools");
    if (chat["tools"].is_string())
      chat["tools"] = parse::with_path(line.location() + ": field 'tools'", [&] {
        return parse::parse_ordered_json(row.at("tools").get<std::string>());
      });
    require(chat["tools"].is_array(), "{}: field 'tools': must be a list", line.location());
  }
  made.conversation = chat.dump();
  return made;
}

// The text in a field. Throws Error where it is blank.
std::string answer_in(const JsonLine& line, const char* field) {
  std::string text = line.text(field);
  require(!is_blank(text), "{}: field '{}': is blank", line.location(), field);
  return text;
}

}  // namespace

std::string_view name_of(TextShape shape) {
  static constexpr std::array<std::string_view, 4> names{"conversations (messages)", "prompt and completion",
                                                         "instruction, input and output", "plain text"};
  return names[static_cast<std::size_t>(shape)];
}

std::optional<TextShape> text_shape(std::span<const std::string> names) {
  const auto has = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  if (has("messages")) return TextShape::messages;
  if (has("prompt") && has("completion")) return TextShape::prompt_completion;
  if (has("instruction") && has("output")) return TextShape::instruction;
  if (has("text")) return TextShape::plain;
  return {};
}

std::string instruction_prompt(std::string_view instruction, std::string_view input) {
  const std::string given = is_blank(input) ? "" : fmt::format("### Input:\n{}\n\n", input);
  return fmt::format("### Instruction:\n{}\n\n{}### Response:\n", instruction, given);
}

Task text_definition(std::string name, std::size_t max_length) {
  Template no_prompt("");
  Task task{std::move(name), std::move(no_prompt), {}, {}, {}};
  task.kind = Kind::text;
  task.loss = Loss::tokens;
  task.max_length = max_length;
  return task;
}

Example text_example(const JsonLine& line) {
  const std::optional<TextShape> shape = text_shape(names_of(line));
  require(shape.has_value(), "{}: its fields are {}: a row of free text must have {}", line.location(),
          line.field_names(), shapes);
  Example made;
  const bool listed = *shape == TextShape::prompt_completion && !line.at("prompt").is_string();
  if (*shape == TextShape::messages || listed) {
    made = conversation_of(line, *shape);
  } else if (*shape == TextShape::prompt_completion) {
    made.continuations.push_back({line.text("prompt"), answer_in(line, "completion"), ""});
  } else if (*shape == TextShape::instruction) {
    const std::string input = line.has("input") ? line.text("input") : "";
    made.continuations.push_back(
        {instruction_prompt(line.text("instruction"), input), answer_in(line, "output"), ""});
  } else {
    made.continuations.push_back({"", answer_in(line, "text"), ""});
  }
  made.line = line.line;
  made.fixed_labels = false;
  return made;
}

}  // namespace zofo::data
