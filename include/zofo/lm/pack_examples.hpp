/// @file Packs encoded examples into one batch of the transformer.
#pragma once

#include "zofo/lm/encoded_example.hpp"
#include "zofo/model/batch.hpp"

namespace zofo::llm {

/// Appends a prompt with its answer choices to a batch; the targets are in the order of the choices. Choices
/// that are single tokens right after the prompt need one sequence, with every choice at its last position.
/// Other choices need a sequence each. `adapter` is the index of the adapter, −1: none. Throws Error for an
/// empty prompt.
void pack_example(model::Batch& batch, const Tokens& prompt, const OptionTokens& options, int adapter);

/// Appends an example. Throws Error for an empty prompt.
void pack_example(model::Batch& batch, const EncodedExample& example, int adapter);

}  // namespace zofo::llm
