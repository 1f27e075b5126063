/// @file Arguments of all CUDA kernels: how rows repeat over probes, where a probe's weights are stored,
/// which tokens form a sequence. Plain structs, passed to kernels by value.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/view.hpp"

namespace zofo::tensor::cuda {

/// Brain floating point, the scalar of weights and activations on the GPU.
using bf16 = __nv_bfloat16;

/// Rows of a pass: the batch's tokens once for every probe, probe after probe. Row r is token r % tokens at
/// probe r / tokens. `tokens` counts padding up to the bucket.
struct Rows {
  std::uint32_t tokens = 0;  ///< rows of one probe
  std::uint32_t probes = 1;  ///< number of probes
  /// Rows of all probes.
  [[nodiscard]] std::size_t count() const { return std::size_t{tokens} * probes; }
};

using tensor::PerProbe;

/// The packed batch in device memory; arrays have one entry per token, padding included, unless stated.
struct PackedTokens {
  const std::int32_t* token = nullptr;      ///< 0 in rows of prompts and padding
  const std::uint32_t* position = nullptr;  ///< within its sequence
  const std::int32_t* adapter = nullptr;    ///< −1: none, as in padding
  /// sequences + 1 entries: first row of each; sequences beyond the batch's are empty.
  const std::uint32_t* cu_seqlens = nullptr;
  std::uint32_t sequences = 0;  ///< capacity: the grid's size
  std::uint32_t longest = 0;    ///< length of the longest sequence, padded to the bucket
};

/// A low-rank update of a projection: y[:, y_at … +out] += scale_i·(x A_iᵀ) B_iᵀ, where i is the row's
/// adapter (−1: none) or the row's probe. A_i is [rank, in], dense, at a + i·stride; entry (o, l) of B_i is
/// b[i·stride + o·b_row + l·b_col].
struct LowRankProjection {
  const float* a = nullptr;  ///< A_0
  const float* b = nullptr;  ///< B_0
  std::size_t stride = 0;    ///< floats from one adapter (or probe) to the next
  ///@{
  /// Rank, and columns of x and of the product.
  std::uint32_t rank = 0, in = 0, out = 0;
  ///@}
  ///@{
  /// Distances of B's rows and columns.
  std::uint32_t b_row = 0, b_col = 0;
  ///@}
  std::uint32_t y_at = 0;         ///< first column of y
  std::uint32_t t_at = 0;         ///< first column of t = x Aᵀ
  float scale = 1.0F;             ///< multiplied by scales[i] unless that is null
  const float* scales = nullptr;  ///< in device memory, one per probe
  bool by_probe = false;          ///< i is the row's probe; else its adapter
};

/// The projections that read one x (q, k and v; gate and up), of adapters and of probes.
struct LowRankProjections {
  static constexpr std::uint32_t most = 6;  ///< capacity
  LowRankProjection projection[most];       ///< of which the first `count` are set
  std::uint32_t count = 0;                  ///< projections
  std::uint32_t t_width = 0;                ///< columns of t: the sum of the ranks
};

/// Low-rank products that an operation adds to rows that it reads or writes anyway.
struct LowRankProducts {
  LowRankProjections projections{};       ///< count 0: no products
  const std::int32_t* adapter = nullptr;  ///< of each token, −1: none; may be null if all are by probe
  const float* t = nullptr;               ///< x Aᵀ, [rows, projections.t_width] fp32
};

}  // namespace zofo::tensor::cuda
