#include "zofo/lm/prompt_tokens.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/encode_text.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::llm {
namespace {

Tokens fitting_prompt(const Model& model, std::size_t reserved, Tokens ids, std::string_view location,
                      std::size_t max_prompt_tokens) {
  shorten_prompt(model, ids, max_prompt_tokens);
  require(!ids.empty(), "{}: prompt has zero tokens: must have at least 1", location);
  const std::size_t context = model.parameters.config().context;
  require(ids.size() + reserved <= context, "{}: prompt of {} tokens: the model's context is {}{}{}",
          location, ids.size(), context,
          reserved > 0 ? fmt::format(", of which the run's adapter takes {}", reserved) : "",
          shorter_prompts(context, reserved));
  return ids;
}

}  // namespace

void check_prompt(const std::string& text, std::string_view location) {
  require(!text.empty(), "{}: must not be empty", location);
  tokenize::utf8::require_valid(text, location);
}

Tokens checked_prompt(const Model& model, std::size_t reserved, const std::string& text,
                      std::string_view location, std::size_t max_prompt_tokens) {
  check_prompt(text, location);
  return fitting_prompt(model, reserved, encode_prompt(model, text), location, max_prompt_tokens);
}

Tokens checked_tokens(const Model& model, std::size_t reserved, Tokens ids, std::string_view location,
                      std::size_t max_prompt_tokens) {
  const auto most = static_cast<std::int64_t>(model.tokenizer.rows());
  for (const std::int32_t id : ids)
    require(id >= 0 && id < most, "{}: token {}: must be in [0, {}]", location, id, most - 1);
  return fitting_prompt(model, reserved, std::move(ids), location, max_prompt_tokens);
}

Tokens checked_chat(const Model& model, std::size_t reserved, const chat::Conversation& conversation,
                    std::string_view location, std::size_t max_prompt_tokens) {
  Tokens ids = parse::with_path(location, [&] {
    const chat::ChatFormat format = model.chat.format(!conversation.tools.none());
    return model.tokenizer.with_special(true).encode(chat::render_chat(format, conversation, true).text);
  });
  return fitting_prompt(model, reserved, std::move(ids), location, max_prompt_tokens);
}

}  // namespace zofo::llm
