/// @file Prompts of generation as token ids, checked against the model's context.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "zofo/lm/language_model.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm::detail {

/// A prompt as ids. `reserved`: positions of the context for an adapter's virtual tokens. Throws Error
/// starting with `location` where the prompt is empty, no valid UTF-8, or does not fit into the context.
Tokens checked_prompt(const Model& model, std::size_t reserved, const std::string& text,
                      std::string_view location);

/// The prompt of a line {"prompt": TEXT}. Throws Error starting with `file` and number.
Tokens prompt_of_line(const Model& model, std::size_t reserved, const std::string& text,
                      const std::string& file, std::size_t number);

}  // namespace zofo::llm::detail
