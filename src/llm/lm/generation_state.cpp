#include "zofo/lm/generation_state.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::llm {
namespace {

// True for a control token: its spelling encodes to the token only where control tokens are recognised.
bool is_control(const Model& model, std::int32_t id) {
  const std::string spelled = model.tokenizer.decode(std::span(&id, 1));
  const std::vector<std::int32_t> only{id};
  try {
    return model.tokenizer.encode(spelled, true) == only && model.tokenizer.encode(spelled) != only;
  } catch (const Error&) {  // the token is a part of a character
    return false;
  }
}

}  // namespace

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
  if (id == model.tokenizer.eos() || is_control(model, id)) {
    ending = Ending::control;
    return false;
  }
  tokens.push_back(id);
  text = model.tokenizer.decode(std::span(tokens).subspan(prompt));
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
