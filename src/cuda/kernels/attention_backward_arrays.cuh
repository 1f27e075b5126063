/// @file What the kernels of attention backward share.
#pragma once

#include <cstdint>

#include "cuda/kernels/attention_span.cuh"

namespace zofo::tensor::cuda::detail {

/// What backward reads next to the problem, and where its results go.
struct BackwardArrays {
  const bf16* out;
  const float* lse;
  const bf16* d_out;
  bf16* d_qkv;
  float* deltas;  ///< D, [rows, heads]
  PrefixPartials partials;
};

/// Σ over 8 neighbouring entries of a∘b.
__device__ inline float dot_8(const uint4& a, const uint4& b) {
  const std::uint32_t left[4] = {a.x, a.y, a.z, a.w}, right[4] = {b.x, b.y, b.z, b.w};
  float sum = 0.0F;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    // A bf16 is the upper half of the float of its value.
    sum += __uint_as_float(left[i] << 16U) * __uint_as_float(right[i] << 16U);
    sum += __uint_as_float(left[i] & 0xFFFF0000U) * __uint_as_float(right[i] & 0xFFFF0000U);
  }
  return sum;
}

}  // namespace zofo::tensor::cuda::detail
