#include "zofo/lm/pack_examples.hpp"

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"

namespace zofo::llm {

void pack_example(model::Batch& batch, const Tokens& prompt, const OptionTokens& options, int adapter) {
  if (options.single()) {
    require(!prompt.empty(), "prompt: has zero tokens: must have at least 1");
    const auto last = static_cast<std::uint32_t>(prompt.size() - 1);
    const std::uint32_t sequence = batch.add(prompt, adapter);
    for (const Tokens& option : options.options) batch.targets.push_back({sequence, last, option.front()});
    return;
  }
  if (!options.positions.empty()) {
    const std::uint32_t sequence = batch.add(prompt, adapter);
    for (std::size_t j = 0; j < options.positions.size(); ++j) {
      require(options.positions[j] < prompt.size(), "positions[{}] = {}: the sequence has {} tokens", j,
              options.positions[j], prompt.size());
      batch.targets.push_back({sequence, options.positions[j], options.options[0][j]});
    }
    return;
  }
  for (std::size_t i = 0; i < options.options.size(); ++i) {
    const Tokens& option = options.options[i];
    Tokens tokens = prompt;
    if (!options.contexts.empty())
      tokens.insert(tokens.end(), options.contexts[i].begin(), options.contexts[i].end());
    require(!tokens.empty(), "prompt: has zero tokens: must have at least 1");
    const auto last = static_cast<std::uint32_t>(tokens.size() - 1);
    tokens.insert(tokens.end(), option.begin(), option.end() - 1);
    const std::uint32_t sequence = batch.add(tokens, adapter);
    for (std::uint32_t j = 0; j < option.size(); ++j)
      batch.targets.push_back({sequence, last + j, option[j]});
  }
}

void pack_example(model::Batch& batch, const EncodedExample& example, int adapter) {
  pack_example(batch, example.prompt, *example.options, adapter);
}

}  // namespace zofo::llm
