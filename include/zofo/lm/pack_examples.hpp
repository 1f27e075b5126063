/// @file Packs encoded examples into one batch of the transformer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/model/batch.hpp"

namespace zofo::llm {

/// Packs a prompt and its options; the targets are appended option by option. Single tokens after the prompt:
/// one sequence with every option at its last position; else one sequence an option.
inline void pack_example(model::Batch& batch, const Tokens& prompt, const OptionTokens& options, int adapter) {
  if (options.single()) {
    require(!prompt.empty(), "prompt: has zero tokens: must have at least 1");
    const auto last = static_cast<std::uint32_t>(prompt.size() - 1);
    const std::uint32_t sequence = batch.add(prompt, adapter);
    for (const Tokens& option : options.options) batch.targets.push_back({sequence, last, option.front()});
    return;
  }
  for (std::size_t i = 0; i < options.options.size(); ++i) {
    const Tokens& option = options.options[i];
    Tokens text = prompt;
    if (!options.contexts.empty())
      text.insert(text.end(), options.contexts[i].begin(), options.contexts[i].end());
    require(!text.empty(), "prompt: has zero tokens: must have at least 1");
    const auto last = static_cast<std::uint32_t>(text.size() - 1);
    text.insert(text.end(), option.begin(), option.end() - 1);
    const std::uint32_t sequence = batch.add(text, adapter);
    for (std::uint32_t j = 0; j < option.size(); ++j)
      batch.targets.push_back({sequence, last + j, option[j]});
  }
}
/// Packs one row.
inline void pack_example(model::Batch& batch, const EncodedExample& row, int adapter) {
  pack_example(batch, row.prompt, *row.options, adapter);
}

}  // namespace zofo::llm
