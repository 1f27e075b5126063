/// @file Kernels of adapters.hpp: a block for a row.
#pragma once

#include <algorithm>

#include "cuda/kernels/philox.cuh"
#include "cuda/kernels/row_pack.cuh"
#include "zofo/tensor/cuda/kernels/adapters.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// Grid: rows of a prompt, sequences, probes.
template <class T>
__global__ void put_prompts_kernel(std::uint32_t tokens, PromptedSequences at, std::uint32_t width,
                                   const float* prompts, T* h) {
  const std::int32_t number = at.prompt[blockIdx.y];
  if (number < 0) return;
  const std::size_t row = std::size_t{blockIdx.z} * tokens + at.cu_seqlens[blockIdx.y] + blockIdx.x;
  const float* const from = prompts + (static_cast<std::size_t>(number) * at.length + blockIdx.x) * width;
  for (std::uint32_t column = 8 * threadIdx.x; column < width; column += 8 * blockDim.x) {
    float value[8];
    load_values(from + column, value);
    store_values(value, h + row * width + column);
  }
}

/// Grid: rows of a prompt, prompts.
template <class T>
__global__ void prompt_gradients_kernel(PromptedSequences at, std::uint32_t width, const T* dh,
                                        float* d_prompts) {
  float* const to = d_prompts + (std::size_t{blockIdx.y} * at.length + blockIdx.x) * width;
  for (std::uint32_t column = 8 * threadIdx.x; column < width; column += 8 * blockDim.x) {
    float sum[8];
    set_zero(sum);
    for (std::uint32_t s = 0; s < at.sequences; ++s) {
      if (at.prompt[s] != static_cast<std::int32_t>(blockIdx.y)) continue;
      float value[8];
      load_values(dh + (std::size_t{at.cu_seqlens[s]} + blockIdx.x) * width + column, value);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[i] += value[i];
    }
    store_values(sum, to + column);
  }
}

/// Grid: rows.
template <class T>
__global__ void drop_kernel(std::uint32_t width, DropoutArgument mask, const T* x, bool add, T* y) {
  const ProbeArgument key = *mask.key;
  for (std::uint32_t column = 8 * threadIdx.x; column < width; column += 8 * blockDim.x) {
    const std::size_t first = std::size_t{blockIdx.x} * width + column;
    const auto block = static_cast<std::uint32_t>(first / 4);
    const uint4 front = cuda::philox_block(key, mask.mask_id, block);
    const uint4 back = cuda::philox_block(key, mask.mask_id, block + 1);
    const std::uint32_t word[8] = {front.x, front.y, front.z, front.w, back.x, back.y, back.z, back.w};
    float value[8], sum[8];
    load_values(x + first, value);
    set_zero(sum);
    if (add) load_values(y + first, sum);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (word[i] >= mask.threshold) sum[i] += mask.scale * value[i];
    store_values(sum, y + first);
  }
}

}  // namespace detail

template <class T>
void write_prompts(cudaStream_t stream, const Rows& rows, const PromptedSequences& at, std::uint32_t width,
                   const float* prompts, T* h) {
  if (rows.count() == 0 || at.length == 0 || at.sequences == 0) return;
  detail::put_prompts_kernel<T>
      <<<dim3(at.length, at.sequences, rows.probes), detail::threads_for(width / 8, 256), 0, stream>>>(
          rows.tokens, at, width, prompts, h);
  launched("put_prompts");
}

template <class T>
void prompt_gradients(cudaStream_t stream, const PromptedSequences& at, std::uint32_t width,
                      std::uint32_t count, const T* dh, float* d_prompts) {
  if (count == 0 || at.length == 0) return;
  detail::prompt_gradients_kernel<T>
      <<<dim3(at.length, count), detail::threads_for(width / 8, 256), 0, stream>>>(at, width, dh, d_prompts);
  launched("prompt_gradients");
}

template <class T>
void drop(cudaStream_t stream, std::size_t rows, std::uint32_t width, const DropoutArgument& mask, const T* x,
          bool add, T* y) {
  if (rows == 0) return;
  detail::drop_kernel<T><<<static_cast<unsigned>(rows), detail::threads_for(width / 8, 256), 0, stream>>>(
      width, mask, x, add, y);
  launched("drop");
}

}  // namespace zofo::tensor::cuda
