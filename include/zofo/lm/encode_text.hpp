/// @file Prompts and the texts that follow them as token ids.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm {

/// A prompt as ids, after the beginning-of-text token if the model has one.
Tokens encode_prompt(const Model& model, std::string_view text);

/// Removes tokens at the front of a prompt of more than `most`, but not its beginning-of-text token; 0: no
/// limit.
void shorten_prompt(const Model& model, Tokens& prompt, std::size_t most);

/// A prompt and a text right after it.
struct PromptAndText {
  std::string_view prompt;  ///< before the text
  std::string_view text;    ///< an answer choice, or another continuation
};

/// The ids of a prompt and of the text after it.
struct EncodedPair {
  Tokens prompt;  ///< with the beginning-of-text token
  Tokens text;    ///< what is scored
};

/// The ids of prompt and text together, less those of the prompt: a tokenizer may encode the text by itself
/// differently (SentencePiece puts a space before it). Where the ids of the prompt do not begin those of
/// both, because a token spans the boundary, this follows lm-evaluation-harness (`_encode_pair`): white space
/// at the prompt's end is moved to the text, and then as many ids as the prompt has are removed from those of
/// both.
EncodedPair encode_pair(const Model& model, const PromptAndText& pair);

/// Answer choices after their prompts as ids.
struct EncodedChoices {
  Tokens prompt;         ///< the common begin of all prompts
  OptionTokens options;  ///< the choices; score and loss are the defaults
};
/// Encodes answer choices after their prompts. The prompts, cut to `max_prompt_tokens` (0: no limit), are
/// divided into what they have in common and a context for each choice.
EncodedChoices encode_choices(const Model& model, std::span<const PromptAndText> choices,
                              std::size_t max_prompt_tokens);

}  // namespace zofo::llm
