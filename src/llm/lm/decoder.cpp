#include "zofo/lm/decoder.hpp"

#include <fmt/format.h>

#include "zofo/core/error.hpp"

namespace zofo::llm {

std::size_t sequence_positions(const model::Config& config, std::span<const Tokens> prompts,
                               std::size_t max_tokens, std::size_t reserved) {
  std::size_t longest = 1;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::size_t read = prompts[i].size() + reserved;
    require(!prompts[i].empty(), "prompt {}: has zero tokens: must have at least 1", i + 1);
    require(read <= config.context, "prompt {}: has {} tokens: the model's context is {}{}", i + 1,
            prompts[i].size(), config.context,
            reserved > 0 ? fmt::format(", of which the adapter takes {}", reserved) : "");
    longest = std::max(longest, read + std::min<std::size_t>(max_tokens - 1, config.context - read));
  }
  return longest;
}

}  // namespace zofo::llm
