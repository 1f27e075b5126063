#include "zofo/lm/generation_state.hpp"

#include <span>

#include "zofo/core/error.hpp"

namespace zofo::llm {

void EndOfText::check() const { require(max_tokens >= 1, "end of text: max_tokens = 0: must be at least 1"); }

bool Generation::add(const Model& model, std::int32_t id, const EndOfText& end) {
  if (model.tokenizer.ends(id) || model.tokenizer.is_control(id)) {
    ending = Ending::control;
    return false;
  }
  tokens.push_back(id);
  text = model.tokenizer.decode(std::span(tokens).subspan(prompt), true);
  const std::size_t at = end.stop.empty() ? std::string::npos : text.find(end.stop);
  if (at != std::string::npos) {
    text.erase(at);
    ending = Ending::stop;
  } else if (generated() >= end.max_tokens || tokens.size() + reserved >= model.parameters.config().context) {
    ending = Ending::length;
  }
  return ending == Ending::none;
}

}  // namespace zofo::llm
