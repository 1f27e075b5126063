#include "zofo/chat/render_chat.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "llm/chat/runtime.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

// The names under which files have a message's reasoning; templates read the first or the second.
constexpr std::array<const char*, 3> reasoning_names{"reasoning_content", "thinking", "reasoning"};

Mapping normalised(const Mapping& message) {
  Mapping given;
  for (const auto& [key, value] : message.entries)
    if (!value.none()) given.set(key, value);
  const auto found =
      std::ranges::find_if(reasoning_names, [&](const char* name) { return given.find(name) != nullptr; });
  if (found == reasoning_names.end()) return given;
  const Value reasoning = *given.find(*found);
  Mapping named;
  named.set("thinking", reasoning);
  for (const auto& [key, value] : given.entries) named.set(key, value);
  named.set("reasoning_content", reasoning);
  return named;
}

Value normalised_messages(const Value& messages) {
  const Sequence* list = messages.sequence();
  require(list != nullptr && !list->items.empty(), "messages: must be a list of at least one message");
  auto result = std::make_shared<Sequence>();
  for (const Value& each : list->items) {
    if (each.mapping() == nullptr)
      fail("messages: a message is {}: must be an object with role and content", type_of(each));
    result->items.push_back(Value(Value::Data(std::make_shared<const Mapping>(normalised(*each.mapping())))));
    result->depth = std::max(result->depth, result->items.back().depth() + 1);
  }
  return Value(Value::Data(std::shared_ptr<const Sequence>(std::move(result))));
}

}  // namespace

Rendered render_chat(const ChatFormat& format, const Conversation& conversation, bool add_generation_prompt,
                     const std::tm& now) {
  Mapping variables = format.special_tokens;
  variables.set("messages", normalised_messages(conversation.messages));
  variables.set("tools", conversation.tools);
  variables.set("documents", nullptr);
  variables.set("add_generation_prompt", add_generation_prompt);
  return format.form.render(variables, now);
}

}  // namespace zofo::chat
