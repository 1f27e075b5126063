#include "zofo/lm/generation_state.hpp"

#include <span>
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

void EndOfText::check() const { require(max_tokens >= 1, "end of text: max_tokens = 0: must be at least 1"); }

bool Generation::add(const Model& model, std::int32_t id, const EndOfText& end) {
  if (id == model.tokenizer.eos() || is_control(model, id)) {
    ending = Ending::control;
    return false;
  }
  tokens.push_back(id);
  text = model.tokenizer.decode(std::span(tokens).subspan(prompt));
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
