/// @file Sizes of a call on the GPU, rounded up to buckets, and the offsets of its arrays in the uploaded
/// block.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"

namespace zofo::model {

/// Sizes of a call rounded up to buckets, so that calls of similar size run the same recorded graph.
struct CallShape {
  std::uint32_t tokens = 0;     ///< rows of one probe
  std::uint32_t sequences = 0;  ///< sequences
  std::uint32_t longest = 0;    ///< rows of the longest sequence
  std::uint32_t head_rows = 0;  ///< distinct positions of targets
  std::uint32_t targets = 0;    ///< requested log-probabilities
  std::uint32_t probes = 1;     ///< probes of the pass
  std::uint32_t adapters = 0;   ///< LoRA adapters
  std::uint32_t prefixes = 0;   ///< prefixes; 0 if no sequence has one
  std::uint32_t prompts = 0;    ///< prompts; 0 if no sequence has one
  std::uint32_t keys = 0;       ///< most keys of a query in a decode step; 0: no decode step
  /// Equality of all fields.
  friend bool operator==(const CallShape&, const CallShape&) = default;

  /// The smallest bucket that holds n: a multiple of `step`, or of about an eighth of n where that is more.
  static std::uint32_t bucket(std::size_t n, std::uint32_t step) {
    std::size_t grain = step;
    while (grain * 16 <= n) grain *= 2;
    return static_cast<std::uint32_t>((n + grain - 1) / grain * grain);
  }
};

/// Byte offsets of a call's arrays in the uploaded block, each a multiple of 256.
struct CallOffsets {
  ///@{
  /// Arrays with one entry per token.
  std::size_t tokens = 0, positions = 0, rotary = 0, adapters = 0, prefixes = 0, slots = 0;
  ///@}
  ///@{
  /// Arrays with one entry per sequence.
  std::size_t cu_seqlens = 0, prompts = 0;
  ///@}
  ///@{
  /// Head rows, targets, and how many of each are not padding.
  std::size_t head_tokens = 0, targets = 0, used = 0;
  ///@}
  ///@{
  /// Probes, their scales, and the key of dropout masks.
  std::size_t probes = 0, scales = 0, dropout = 0;
  ///@}
  std::size_t end = 0;  ///< bytes of the block

  /// All offsets 0.
  CallOffsets() = default;
  /// Offsets for calls of this shape.
  explicit CallOffsets(const CallShape& shape) {
    const auto place = [this](std::size_t bytes) {
      const std::size_t offset = end;
      end += (bytes + 255) / 256 * 256;
      return offset;
    };
    tokens = place(4 * shape.tokens);
    positions = place(4 * shape.tokens);
    rotary = place(4 * shape.tokens);
    adapters = place(4 * shape.tokens);
    prefixes = place(4 * shape.tokens);
    slots = place(4 * shape.tokens);
    cu_seqlens = place(4 * (shape.sequences + 1));
    prompts = place(4 * shape.sequences);
    head_tokens = place(4 * shape.head_rows);
    targets = place(sizeof(tensor::cuda::TargetArgument) * shape.targets);
    used = place(2 * sizeof(std::uint32_t));
    probes = place(sizeof(tensor::cuda::ProbeArgument) * shape.probes);
    scales = place(sizeof(float) * shape.probes);
    dropout = place(sizeof(tensor::cuda::ProbeArgument));
  }
};

}  // namespace zofo::model
