/// @file Sizes of a call on the GPU, rounded up, and where its arrays are in the block that is uploaded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"

namespace zofo::model {

/// Sizes of a call rounded up to buckets, so that calls of nearly one size run the same recorded graph.
struct CallShape {
  std::uint32_t tokens = 0, sequences = 0, longest = 0;
  std::uint32_t head_rows = 0, targets = 0;
  std::uint32_t probes = 1, adapters = 0;   ///< adapters: those of LoRA
  std::uint32_t prefixes = 0, prompts = 0;  ///< 0 where no sequence has one
  std::uint32_t keys = 0;                   ///< that a token sees at most where it follows cached ones
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
  std::size_t tokens = 0, positions = 0, adapters = 0, prefixes = 0, slots = 0;  ///< one entry a token
  std::size_t cu_seqlens = 0, prompts = 0;                                       ///< one entry a sequence
  std::size_t head_tokens = 0, targets = 0;
  std::size_t used = 0;  ///< how many head rows and targets are real
  std::size_t probes = 0, scales = 0, dropout = 0;
  std::size_t end = 0;  ///< bytes of the block

  CallOffsets() = default;
  explicit CallOffsets(const CallShape& shape) {
    const auto place = [this](std::size_t bytes) {
      const std::size_t here = end;
      end += (bytes + 255) / 256 * 256;
      return here;
    };
    tokens = place(4 * shape.tokens);
    positions = place(4 * shape.tokens);
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
