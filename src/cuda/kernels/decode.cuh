/// @file Launchers of decode.hpp, and the kernels that copy keys and choose tokens.
#pragma once

#include <algorithm>
#include <string>

#include "cuda/kernels/decode_attention.cuh"
#include "zofo/core/error_type.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// Eight neighbouring entries, which start on 16 bytes.
__device__ inline void copy_8(const bf16* from, bf16* to) {
  *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
}
__device__ inline void copy_8(const float* from, float* to) {
  reinterpret_cast<uint4*>(to)[0] = reinterpret_cast<const uint4*>(from)[0];
  reinterpret_cast<uint4*>(to)[1] = reinterpret_cast<const uint4*>(from)[1];
}

/// Grid: rows, and twice as many columns of blocks as there are halves: keys, values.
template <class T>
__global__ void cache_rows_kernel(AttentionShape shape, CachedRows rows, AttentionPrefix<T> prefix,
                                  const std::int32_t* prefix_of, const T* qkv, CacheLayer<T> cache) {
  const std::uint32_t row = blockIdx.x;
  const std::int32_t slot = rows.slot[row];
  if (slot < 0) return;
  const bool values = blockIdx.y == 1;
  const std::uint32_t position = rows.position[row], width = shape.kv_heads * shape.dim;
  T* const to = values ? cache.values : cache.keys;
  const T* const own = qkv +
                       std::size_t{row} * (std::size_t{shape.heads} * shape.dim + 2 * std::size_t{width}) +
                       std::size_t{shape.heads} * shape.dim + (values ? width : 0U);
  const std::int32_t adapter = prefix.length > 0 && position == prefix.length ? prefix_of[row] : -1;
  const T* const before = adapter < 0 ? nullptr
                                      : (values ? prefix.values : prefix.keys) +
                                            static_cast<std::size_t>(adapter) * prefix.stride;
  for (std::uint32_t column = 8 * threadIdx.x; column < width; column += 8 * blockDim.x) {
    const std::uint32_t head = column / shape.dim;
    T* const of_head =
        to + (static_cast<std::size_t>(slot) * cache.kv_heads + head) * cache.positions * cache.dim +
        column % shape.dim;
    copy_8(own + column, of_head + std::size_t{position} * cache.dim);
    if (before == nullptr) continue;
    for (std::uint32_t j = 0; j < prefix.length; ++j)
      copy_8(before + std::size_t{j} * width + column, of_head + std::size_t{j} * cache.dim);
  }
}

/// A logit and its column; column −1: one of those seen is not a number.
struct Best {
  float logit;
  std::int32_t column;
};
__device__ inline Best better(const Best& a, const Best& b) {
  if (a.column < 0 || b.column < 0) return {0.0F, -1};
  const bool second = b.logit > a.logit || (b.logit == a.logit && b.column < a.column);
  return second ? b : a;
}

constexpr int best_threads = 256;

/// Grid: rows.
static __global__ void __launch_bounds__(best_threads)
    best_columns_kernel(const float* logits, std::uint32_t stride, std::uint32_t columns,
                        std::int32_t* best) {
  __shared__ Best of_warp[best_threads / 32];
  const float* const row = logits + std::size_t{blockIdx.x} * stride;
  Best mine{-INFINITY, static_cast<std::int32_t>(min(threadIdx.x, columns - 1))};
  for (std::uint32_t i = threadIdx.x; i < columns; i += best_threads) {
    const float x = row[i];
    if (isnan(x)) mine.column = -1;
    if (mine.column >= 0 && x > mine.logit) mine = {x, static_cast<std::int32_t>(i)};
  }
#pragma unroll
  for (unsigned step = 16; step > 0; step /= 2)
    mine = better(mine, {__shfl_xor_sync(0xFFFFFFFFU, mine.logit, step),
                         __shfl_xor_sync(0xFFFFFFFFU, mine.column, step)});
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int w = 1; w < best_threads / 32; ++w) mine = better(mine, of_warp[w]);
  best[blockIdx.x] = mine.column;
}

template <class T>
void run_cache_rows(cudaStream_t stream, const AttentionShape& shape, const CachedRows& rows,
                    const AttentionPrefix<T>& prefix, const std::int32_t* prefix_of, const T* qkv,
                    const CacheLayer<T>& cache) {
  if (rows.count == 0) return;
  const std::uint32_t pieces = shape.kv_heads * shape.dim / 8;
  const std::uint32_t threads = std::min(256U, (pieces + 31) / 32 * 32);
  cache_rows_kernel<T>
      <<<dim3(rows.count, 2), threads, 0, stream>>>(shape, rows, prefix, prefix_of, qkv, cache);
  launched("cache_rows");
}

template <class T>
void run_decode(cudaStream_t stream, const AttentionShape& shape, const CachedRows& rows,
                std::uint32_t splits, const T* qkv, const CacheLayer<T>& cache, T* out, float* workspace) {
  if (shape.dim == 0 || shape.dim % 8 != 0 || shape.dim > decode_most_dim)
    throw Error("decoding on the GPU: head dim " + std::to_string(shape.dim) +
                " is not a multiple of 8 up to 256");
  if (shape.kv_heads == 0 || shape.heads % shape.kv_heads != 0)
    throw Error("decoding on the GPU: " + std::to_string(shape.heads) + " heads do not share " +
                std::to_string(shape.kv_heads) + " heads of keys");
  if (rows.count == 0) return;
  const DecodeProblem<T> problem = decode_problem(shape, rows, splits, qkv, cache, out, workspace);
  if (shape.dim == 64) return launch_decode<64>(stream, problem);
  if (shape.dim == 80) return launch_decode<80>(stream, problem);
  if (shape.dim == 128) return launch_decode<128>(stream, problem);
  launch_decode<0>(stream, problem);
}

}  // namespace detail

}  // namespace zofo::tensor::cuda
