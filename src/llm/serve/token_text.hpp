// Tokens as texts and their log-probabilities as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "zofo/lm/language_model.hpp"
#include "zofo/lm/token_logprob.hpp"
#include "zofo/serve/job.hpp"

namespace zofo::serve {

// The bytes of a token in a text; those of the first token of a text lack the space that a tokenizer puts
// before every text.
std::string token_bytes(const llm::Model& model, std::int32_t id, bool first = false);

// The prompt as a text, without the token that begins every sequence.
std::string prompt_text(const llm::Model& model, const Choice& choice);

// Number of characters (code points) of a text.
std::size_t characters(std::string_view text);

// What `logprobs` of a completion holds of an answer from generated token `from` on: tokens, token_logprobs,
// top_logprobs and text_offset. The prompt's tokens come first if `with_prompt`. `offset`: characters of the
// answer before; it is advanced.
nlohmann::json completion_logprobs(const llm::Model& model, const Choice& choice, std::size_t from,
                                   bool with_prompt, std::size_t& offset);

// What `logprobs` of a chat's answer holds from generated token `from` on.
nlohmann::json chat_logprobs(const llm::Model& model, const Choice& choice, std::size_t from);

}  // namespace zofo::serve
