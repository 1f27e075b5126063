/// @file The log-probability of a token, and those of the most probable tokens in its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace zofo::llm {

/// A token of a text and its alternatives.
struct TokenLogprob {
  std::int32_t id = 0;   ///< the token
  double logprob = 0.0;  ///< natural logarithm of its probability; NaN for a token without a context
  std::vector<std::pair<std::int32_t, double>> top = {};  ///< the most probable tokens, in descending order
};

/// Token `id` and the `top` most probable of the first `rows` tokens, of equal ones those of lower ids first.
/// logits[i] is that of token i; the probabilities of all of them sum to 1. Throws Error if a logit is NaN,
/// or the highest is infinite.
TokenLogprob token_logprob(std::span<const float> logits, std::int32_t id, std::size_t top, std::size_t rows);

}  // namespace zofo::llm
