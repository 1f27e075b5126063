/// @file Packed sequences and the log-probabilities that a call computes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "zofo/peft/kind.hpp"

namespace zofo::model {

/// Requests log P(token | tokens[0..position] of the sequence).
struct Target {
  std::uint32_t sequence = 0;  ///< index of the sequence
  std::uint32_t position = 0;  ///< position within its sequence whose output predicts `token`
  std::int32_t token = 0;      ///< the token whose log-probability is requested
};

/// Sequences one after the other, without padding. Sequences of one adapter should be neighbours: each run of
/// them is one LoRA product. The adapters of a batch may be of several kinds.
struct Batch {
  std::vector<std::int32_t> tokens;          ///< of all sequences
  std::vector<std::uint32_t> cu_seqlens{0};  ///< first token of each sequence, then the number of tokens
  std::vector<int> adapter;                  ///< of each sequence: index into the call's adapters; −1: none
  std::vector<Target> targets;               ///< requested log-probabilities
  std::vector<peft::Kind>
      kinds;  ///< of each adapter of the call; empty: the transformer's first kind for all

  /// Appends a sequence and returns its index.
  std::uint32_t add(std::span<const std::int32_t> sequence, int adapter_index) {
    tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    cu_seqlens.push_back(static_cast<std::uint32_t>(tokens.size()));
    adapter.push_back(adapter_index);
    return static_cast<std::uint32_t>(adapter.size() - 1);
  }
  /// Number of sequences.
  [[nodiscard]] std::size_t sequences() const { return adapter.size(); }
};

}  // namespace zofo::model
