/// @file What every CUDA kernel is told: how rows repeat over probes, where weights of a probe lie, which
/// tokens belong together. Plain structs, so that they travel by value into kernels.
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
  std::uint32_t tokens = 0;
  std::uint32_t probes = 1;
  [[nodiscard]] std::size_t count() const { return std::size_t{tokens} * probes; }
};

using tensor::PerProbe;

/// The packed batch on the GPU; arrays have one entry a token (padding included) unless said.
struct PackedTokens {
  const std::int32_t* token = nullptr;
  const std::uint32_t* position = nullptr;  ///< within its sequence
  const std::int32_t* adapter = nullptr;    ///< −1: none, which padding has
  const std::uint32_t* cu_seqlens =
      nullptr;                  ///< sequences + 1 entries; sequences beyond the batch's are empty
  std::uint32_t sequences = 0;  ///< capacity: the grid's size
  std::uint32_t longest = 0;    ///< no sequence is longer (padded to the bucket)
};

/// One low-rank product that shares its input with others: y[:, y_at … +out] += scale_i·(x A_iᵀ) B_iᵀ, where
/// i is the row's adapter (none where −1) or the row's probe. A_i is [rank, in], dense, at a + i·stride;
/// entry (o, l) of B_i is b[i·stride + o·b_row + l·b_col].
struct LowRankProjection {
  const float* a = nullptr;
  const float* b = nullptr;
  std::size_t stride = 0;
  std::uint32_t rank = 0, in = 0, out = 0;
  std::uint32_t b_row = 0, b_col = 0;
  std::uint32_t y_at = 0;         ///< first column of y
  std::uint32_t t_at = 0;         ///< first column of t = x Aᵀ
  float scale = 1.0F;             ///< times scales[i] where that is not null
  const float* scales = nullptr;  ///< on the GPU, one a probe
  bool by_probe = false;          ///< i is the row's probe, else its adapter
};

/// The sites that read one x (q, k and v; gate and up), adapters' and probes' together.
struct LowRankProjections {
  static constexpr std::uint32_t most = 6;
  LowRankProjection projection[most];
  std::uint32_t count = 0;
  std::uint32_t t_width = 0;  ///< columns of t: the ranks' sum
};

/// Low-rank products that an operation adds to rows that it reads or writes anyway. count 0: none.
struct LowRankProducts {
  LowRankProjections projections{};
  const std::int32_t* adapter =
      nullptr;               ///< of each token, −1: none; may be null where all sites are by probe
  const float* t = nullptr;  ///< [rows, sites.t_width] fp32
};

}  // namespace zofo::tensor::cuda
