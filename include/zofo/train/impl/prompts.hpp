/// @file Prompts of generation as token ids, checked against the model's context.
#pragma once

#include <cstddef>

#include "zofo/data/jsonl.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/lm/prompt_tokens.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm::detail {

/// The prompt of a line {"prompt": TEXT}, or of {"messages": [...], "tools": [...]} by the model's chat
/// template; other fields are ignored. Throws Error starting with file and number.
Tokens prompt_of_line(const Model& model, std::size_t reserved, const data::JsonLine& line,
                      std::size_t max_prompt_tokens);

}  // namespace zofo::llm::detail
