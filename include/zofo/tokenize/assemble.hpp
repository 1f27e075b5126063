/// @file Makes a Pipeline of the parts that have been read.
#pragma once

#include <vector>

#include "zofo/tokenize/json_steps.hpp"
#include "zofo/tokenize/pipeline.hpp"

namespace zofo::tokenize {

/// `vocabulary` includes the added tokens, `merges` and `options` are those of the model. Throws Error naming
/// the merge whose part or product the vocabulary lacks.
Pipeline assemble(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
                  const std::vector<AddedToken>& added, ReadNormalizer normalizer, ReadSplitter splitter);

}  // namespace zofo::tokenize
