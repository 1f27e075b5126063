/// @file Prompts of generation as token ids, checked against the model's context.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "zofo/data/jsonl.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm::detail {

/// A prompt as ids. `reserved`: positions of the context for an adapter's virtual tokens. Throws Error
/// starting with `location` where the prompt is empty, no valid UTF-8, or does not fit into the context. A
/// prompt of more than `max_prompt_tokens` tokens keeps its last ones; 0: no limit.
Tokens checked_prompt(const Model& model, std::size_t reserved, const std::string& text,
                      std::string_view location, std::size_t max_prompt_tokens);

/// The ids of a conversation and the generation prompt, by the model's chat template. Throws Error as
/// checked_prompt.
Tokens checked_chat(const Model& model, std::size_t reserved, const chat::Conversation& conversation,
                    std::string_view location, std::size_t max_prompt_tokens);

/// The prompt of a line {"prompt": TEXT}, or of {"messages": [...], "tools": [...]} by the model's chat
/// template; other fields are ignored. Throws Error starting with file and number.
Tokens prompt_of_line(const Model& model, std::size_t reserved, const data::JsonLine& line,
                      std::size_t max_prompt_tokens);

}  // namespace zofo::llm::detail
