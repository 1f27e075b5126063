/// @file A text that a model writes token by token, and what ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm {

/// When a text ends: before `stop` (empty: nothing stops it), at a control token, or after so many tokens.
struct EndOfText {
  std::string stop = "\n";
  std::size_t max_tokens = 32;

  /// Throws Error naming the field out of range.
  void check() const { require(max_tokens >= 1, "end of text: max_tokens = 0: must be at least 1"); }
};

/// What ended a text; length: its tokens or the context are used up.
enum class Ending : std::uint8_t { none, stop, control, length };
inline std::string_view name_of(Ending ending) {
  constexpr std::string_view names[] = {"none", "stop", "control", "length"};
  return names[static_cast<std::size_t>(ending)];
}

namespace detail {

/// True for a token that is no text: spelled out, it is read as itself only where control tokens are.
inline bool is_control(const Model& model, std::int32_t id) {
  const std::string spelled = model.tokenizer.decode(std::span(&id, 1));
  const std::vector<std::int32_t> alone{id};
  try {
    return model.tokenizer.encode(spelled, true) == alone && model.tokenizer.encode(spelled) != alone;
  } catch (const Error&) {  // a part of a character
    return false;
  }
}

}  // namespace detail

/// A text being written after a prompt.
struct Generation {
  Tokens tokens;           ///< the prompt and what was written
  std::size_t prompt = 0;  ///< tokens of the prompt
  std::size_t taken = 0;   ///< positions that the adapter takes of the context
  std::string text = {};   ///< what was written, before the stop
  Ending ending = Ending::none;

  [[nodiscard]] std::size_t written() const { return tokens.size() - prompt; }

  /// Takes up the next token; false if the text ends with it.
  bool add(const Model& model, std::int32_t id, const EndOfText& end) {
    if (id == model.tokenizer.eos() || detail::is_control(model, id)) {
      ending = Ending::control;
      return false;
    }
    tokens.push_back(id);
    text = model.tokenizer.decode(std::span(tokens).subspan(prompt));
    const std::size_t at = end.stop.empty() ? std::string::npos : text.find(end.stop);
    if (at != std::string::npos) {
      text.erase(at);
      ending = Ending::stop;
    } else if (written() >= end.max_tokens || tokens.size() + taken >= model.parameters.config().context) {
      ending = Ending::length;
    }
    return ending == Ending::none;
  }
};

}  // namespace zofo::llm
