/// @file Prompts of generation as token ids, checked against the model's context.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "zofo/chat/render_chat.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm {

/// Throws Error starting with `location` for a prompt that is empty or no valid UTF-8.
void check_prompt(const std::string& text, std::string_view location);

/// A prompt as ids. `reserved`: positions of the context for an adapter's virtual tokens. Throws Error
/// starting with `location` where the prompt is empty, no valid UTF-8, or does not fit into the context. A
/// prompt of more than `max_prompt_tokens` tokens keeps its last ones; 0: no limit.
Tokens checked_prompt(const Model& model, std::size_t reserved, const std::string& text,
                      std::string_view location, std::size_t max_prompt_tokens);

/// The same of a prompt that is given as ids. Throws Error also for an id that the model does not have.
Tokens checked_tokens(const Model& model, std::size_t reserved, Tokens ids, std::string_view location,
                      std::size_t max_prompt_tokens);

/// The ids of a conversation and the generation prompt, by the model's chat template. Throws Error as
/// checked_prompt.
Tokens checked_chat(const Model& model, std::size_t reserved, const chat::Conversation& conversation,
                    std::string_view location, std::size_t max_prompt_tokens);

}  // namespace zofo::llm
