/// @file A text that a model generates token by token, and what ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/lm/language_model.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm {

/// When a generated text ends: before the first of the texts `stop`, at a control token, or after
/// `max_tokens` tokens.
struct EndOfText {
  std::vector<std::string> stop = {"\n"};  ///< not part of the generated text; none of them is empty
  std::size_t max_tokens = 32;             ///< at least 1

  /// Throws Error naming the field out of range.
  void check() const;
  /// Where the first stop begins in a text, or npos.
  [[nodiscard]] std::size_t first_stop(const std::string& text) const;
};

/// What ended a generated text. `length`: max_tokens or the end of the model's context.
enum class Ending : std::uint8_t { none, stop, control, length };
/// The name in JSON output.
constexpr std::string_view name_of(Ending ending) {
  constexpr std::string_view names[] = {"none", "stop", "control", "length"};
  return names[static_cast<std::size_t>(ending)];
}

/// A text that is being generated after a prompt.
struct Generation {
  Tokens tokens;                 ///< the prompt and the generated tokens
  std::size_t prompt = 0;        ///< tokens of the prompt
  std::size_t reserved = 0;      ///< positions of the context for the adapter's virtual tokens
  std::string text = {};         ///< the generated text before the stop
  Ending ending = Ending::none;  ///< none: not ended
  std::uint32_t sample = 0;      ///< number among the texts of the prompt

  /// Number of generated tokens.
  [[nodiscard]] std::size_t generated() const { return tokens.size() - prompt; }

  /// Adds the next token and updates text and ending; false if the text ends with it.
  bool add(const Model& model, std::int32_t id, const EndOfText& end);
};

/// Called with the index of a prompt and its generation after each token.
using TokenObserver = std::function<void(std::size_t, const Generation&)>;

}  // namespace zofo::llm
