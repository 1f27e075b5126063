#include "zofo/lm/generation_state.hpp"

#include <algorithm>
#include <span>
#include <string>

#include "zofo/core/error.hpp"

namespace zofo::llm {

void EndOfText::check() const {
  require(max_tokens >= 1, "end of text: max_tokens = 0: must be at least 1");
  for (std::size_t i = 0; i < stop.size(); ++i)
    require(!stop[i].empty(), "end of text: stop[{}]: must not be empty", i);
}

std::size_t EndOfText::first_stop(const std::string& text) const {
  std::size_t first = std::string::npos;
  for (const std::string& each : stop) first = std::min(first, text.find(each));
  return first;
}

bool Generation::add(const Model& model, std::int32_t id, const EndOfText& end) {
  if (model.tokenizer.ends(id) || model.tokenizer.is_control(id)) {
    ending = Ending::control;
    return false;
  }
  tokens.push_back(id);
  text = model.tokenizer.decode(std::span(tokens).subspan(prompt), true);
  const std::size_t at = end.first_stop(text);
  if (at != std::string::npos) {
    text.erase(at);
    ending = Ending::stop;
  } else if (generated() >= end.max_tokens || tokens.size() + reserved >= model.parameters.config().context) {
    ending = Ending::length;
  }
  return ending == Ending::none;
}

}  // namespace zofo::llm
