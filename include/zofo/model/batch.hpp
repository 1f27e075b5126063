/// @file Packed sequences and the log-probabilities wanted of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "zofo/peft/kind.hpp"

namespace zofo::model {

/// Asks for log P(token | tokens[0..position] of the sequence).
struct Target {
  std::uint32_t sequence = 0;
  std::uint32_t position = 0;  ///< position within its sequence whose output predicts `token`
  std::int32_t token = 0;
};

/// Tokens of all sequences in one row with `cu_seqlens` beside them; nothing is padded.
/// Sequences of one adapter should be added one after the other: each run of them is one LoRA product.
/// Adapters of several kinds may serve one batch.
struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::uint32_t> cu_seqlens{0};
  std::vector<int> adapter;  ///< a sequence's index into the adapters of the call, −1 for none
  std::vector<Target> targets;
  std::vector<peft::Kind> kinds;  ///< of each adapter of the call; empty: all are of the transformer's first

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
