#include "llm/serve/messages.hpp"

#include <cstddef>
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/serve/api_error.hpp"

namespace zofo::serve {
namespace {

using Ordered = nlohmann::ordered_json;

std::string text_of_parts(const Ordered& parts, const std::string& place) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Ordered& part = parts[i];
    const auto type = part.is_object() ? part.find("type") : part.end();
    const bool is_text = part.is_object() && type != part.end() && *type == "text" && part.contains("text") &&
                         part.at("text").is_string();
    if (!is_text)
      refuse("messages",
             "{}[{}] = {}: must be {{\"type\": \"text\", \"text\": TEXT}}: the model reads text only", place,
             i, shown_value(part));
    text += part.at("text").get_ref<const std::string&>();
  }
  return text;
}

}  // namespace

chat::Conversation read_messages(Fields& fields) {
  const Ordered* messages = fields.find("messages");
  if (messages == nullptr) refuse("messages", "messages: must be given");
  if (!messages->is_array() || messages->empty())
    refuse("messages", "messages = {}: must be a list of at least one message", shown_value(*messages));
  Ordered checked = *messages;
  for (std::size_t i = 0; i < checked.size(); ++i) {
    Ordered& message = checked[i];
    const std::string place = fmt::format("messages[{}]", i);
    if (!message.is_object()) refuse("messages", "{} = {}: must be an object", place, shown_value(message));
    if (!message.contains("role") || !message.at("role").is_string())
      refuse("messages", "{}.role: must be given, a text", place);
    const auto content = message.find("content");
    if (content == message.end() || content->is_null() || content->is_string()) continue;
    if (!content->is_array())
      refuse("messages", "{}.content = {}: must be a text or a list of parts", place, shown_value(*content));
    *content = text_of_parts(*content, place + ".content");
  }
  try {
    return {chat::value_of(checked)};
  } catch (const Error& error) {
    throw ApiError(400, "messages", "", fmt::format("messages: {}", error.what()));
  }
}

}  // namespace zofo::serve
