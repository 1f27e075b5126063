#include "zofo/chat/chat_template.hpp"

#include <algorithm>

#include "llm/chat/interpreter.hpp"
#include "llm/chat/syntax.hpp"
#include "zofo/core/error.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::chat {

namespace {

constexpr std::size_t largest_template = std::size_t{1} << 20U;
// Work of a rendering (Runtime::charge). Templates need about a hundred steps for each message, and one for
// each eight bytes of a text that they copy.
constexpr std::size_t base_steps = 2'000'000;
constexpr std::size_t steps_of_a_byte = 64;

bool has_generation(const Node& node) {
  return node.kind == NodeKind::generation ||
         std::ranges::any_of(node.children, [](const NodePointer& child) {
           return child != nullptr && has_generation(*child);
         });
}

std::size_t size_in_bytes(const Value& value) {
  std::size_t size = 8;
  if (const std::string* text = value.text()) size += text->size();
  if (const Sequence* list = value.sequence())
    for (const Value& each : list->items) size += size_in_bytes(each);
  if (const Mapping* fields = value.mapping())
    for (const auto& [key, each] : fields->entries) size += key.size() + size_in_bytes(each);
  return size;
}

}  // namespace

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

ChatTemplate::ChatTemplate(const std::string& source) {
  require(source.size() <= largest_template, "chat template of {} bytes: must have at most {}", source.size(),
          largest_template);
  tokenize::utf8::require_valid(source, "chat template");
  try {
    root_ = parse_template(source);
  } catch (const Error& error) {
    fail("chat template, {}", error.what());
  }
  marks_answers_ = has_generation(*root_);
}

Rendered ChatTemplate::render(const Mapping& variables, const std::tm& now) const {
  std::size_t steps = base_steps;
  Scope globals;
  for (const auto& [name, value] : variables.entries) {
    globals.names[name] = value;
    steps += steps_of_a_byte * size_in_bytes(value);
  }
  Runtime runtime(steps, now);
  Scope top{.outer = &globals};
  Interpreter interpreter(top, runtime);
  try {
    return interpreter.run(*root_);
  } catch (const TemplateException&) {
    throw;
  } catch (const Error& error) {
    fail("chat template, line {}: {}", interpreter.line(), error.what());
  }
}

}  // namespace zofo::chat
