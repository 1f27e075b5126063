/// @file Chat templates: a rendering ends, with valid UTF-8 and spans inside of it, or with an Error; twice
/// the same. A text without braces renders to itself, except for the line end at its end. A NUL byte ends the
/// template; the JSON after it is the messages.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "fuzz.hpp"
#include "zofo/chat/render_chat.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/utf8.hpp"

using namespace zofo::chat;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

const char* const chat_of_seeds =
    R"([{"role": "system", "content": " s "}, {"role": "user", "content": "a\né"},
        {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5]}}}]}])";

nlohmann::ordered_json messages_of(const std::string& text) {
  nlohmann::ordered_json messages;
  if (!accepts([&] { messages = zofo::parse::parse_ordered_json(text.empty() ? chat_of_seeds : text); }))
    messages = nlohmann::ordered_json::parse(chat_of_seeds);
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(zofo::fuzz::as_text(data, size));
  const std::size_t cut = std::min(text.find('\0'), text.size());
  const std::string source = text.substr(0, cut);
  std::optional<ChatTemplate> form;
  if (!accepts([&] { form.emplace(source); })) return 0;
  Conversation chat;
  if (!accepts([&] { chat.messages = value_of(messages_of(text.substr(std::min(cut + 1, text.size())))); }))
    return 0;
  ChatFormat format{*form, {}};
  format.special_tokens.set("bos_token", "<s>");
  format.special_tokens.set("eos_token", "</s>");
  for (const bool prompt : {false, true}) {
    std::optional<Rendered> first, second;
    const bool rendered = accepts([&] { first = render_chat(format, chat, prompt, std::tm{}); });
    demand(accepts([&] { second = render_chat(format, chat, prompt, std::tm{}); }) == rendered,
           "renders alike");
    if (!rendered) continue;
    demand(first->text == second->text, "a rendering repeats");
    demand(!zofo::tokenize::utf8::first_invalid(first->text), "a rendering is UTF-8");
    for (const Span& span : first->answers)
      demand(span.begin <= span.end && span.end <= first->text.size(), "answers are in the text");
    if (source.find_first_of("{\r\n") == std::string::npos)
      demand(first->text == source, "a text renders to itself");
  }
  return 0;
}
