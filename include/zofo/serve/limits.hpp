/// @file What a server accepts.
#pragma once

#include <cstddef>

namespace zofo::serve {

/// Bounds of requests. A request beyond one of them is refused with a message that names it.
struct Limits {
  std::size_t max_body = std::size_t{16} << 20U;  ///< bytes of a request
  std::size_t max_tokens = 4096;                  ///< of an answer, and of a chat that names no number
  std::size_t max_prompt_tokens = 0;              ///< longer prompts keep their last tokens; 0: no limit
  std::size_t max_choices = 1024;                 ///< prompts of a request times answers of each
  std::size_t max_queue = 256;                    ///< requests that wait

  /// Throws Error naming the field out of range.
  void check() const;
};

/// Answers of a prompt, at most.
inline constexpr std::size_t most_samples = 128;
/// Tokens of a request's prompts and answers together, each counted once for itself and once for each of its
/// alternatives: what is in memory until the answer is sent.
inline constexpr std::size_t most_request_tokens = std::size_t{1} << 22U;
/// Texts that end an answer, at most.
inline constexpr std::size_t most_stops = 64;
/// Alternatives to a token whose log-probabilities a request may ask for, as in OpenAI's API.
inline constexpr std::size_t most_logprobs = 20;

}  // namespace zofo::serve
