/// @file Scaled sums of rows, and scaled and capped logits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/row_pack.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// One pack of 8 a thread. `from` null: 0.
template <class T>
__global__ void __launch_bounds__(256)
    scaled_sum_kernel(std::size_t packs, const T* from, const T* x, float factor, T* to) {
  const std::size_t pack = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (pack >= packs) return;
  float value[8], sum[8];
  set_zero(sum);
  load_values(x + 8 * pack, value);
  if (from != nullptr) load_values(from + 8 * pack, sum);
#pragma unroll
  for (int i = 0; i < 8; ++i) sum[i] = fmaf(factor, value[i], sum[i]);
  store_values(sum, to + 8 * pack);
}

/// Grid: rows, blocks of columns.
static __global__ void __launch_bounds__(256) soft_cap_kernel(SoftCap cap, float* logits) {
  const std::uint32_t column = blockIdx.y * blockDim.x + threadIdx.x;
  if (column >= cap.columns) return;
  float* const at = logits + std::size_t{blockIdx.x} * cap.stride + column;
  const float scaled = cap.scale * *at;
  *at = cap.cap > 0.0F ? cap.cap * tanhf(scaled / cap.cap) : scaled;
}

template <class T>
__global__ void __launch_bounds__(256)
    soft_cap_backward_kernel(SoftCap cap, const float* logits, T* d_logits) {
  const std::uint32_t column = blockIdx.y * blockDim.x + threadIdx.x;
  if (column >= cap.columns) return;
  const std::size_t at = std::size_t{blockIdx.x} * cap.stride + column;
  const float share = cap.cap > 0.0F ? logits[at] / cap.cap : 0.0F;
  const float gradient = static_cast<float>(d_logits[at]) * cap.scale * (1.0F - share * share);
  d_logits[at] = static_cast<T>(gradient);
}

inline void launch_soft_cap(cudaStream_t stream, const SoftCap& cap, float* logits) {
  if (cap.rows == 0 || cap.columns == 0) return;
  soft_cap_kernel<<<dim3(cap.rows, blocks_of(cap.columns, 256)), 256, 0, stream>>>(cap, logits);
  launched("soft_cap");
}

}  // namespace detail

template <class T>
void scaled_sum(cudaStream_t stream, std::size_t count, const T* from, const T* x, float factor, T* to) {
  if (count == 0) return;
  const std::size_t packs = count / 8;
  detail::scaled_sum_kernel<T><<<detail::blocks_of(packs, 256), 256, 0, stream>>>(packs, from, x, factor, to);
  launched("scaled_sum");
}

template <class T>
void soft_cap_backward(cudaStream_t stream, const SoftCap& cap, const float* logits, T* d_logits) {
  if (cap.rows == 0 || cap.columns == 0) return;
  detail::soft_cap_backward_kernel<T>
      <<<dim3(cap.rows, detail::blocks_of(cap.columns, 256)), 256, 0, stream>>>(cap, logits, d_logits);
  launched("soft_cap_backward");
}

}  // namespace zofo::tensor::cuda
