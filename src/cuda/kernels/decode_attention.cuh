/// @file Attention of one query a row to its slot's keys and values. A block takes a part of a row's keys for
/// the query heads that share them; each of its warps walks tiles of 32 keys with sums of its own, which are
/// merged at the end, as those of the blocks are by a second kernel.
#pragma once

#include <algorithm>
#include <cmath>

#include "cuda/kernels/attention_general.cuh"
#include "zofo/tensor/cuda/kernels/decode.hpp"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda::detail {

constexpr int decode_warps = 4;
constexpr int decode_threads = 32 * decode_warps;
constexpr int decode_most_dim = 256;
constexpr std::uint32_t decode_most_splits = 64;

/// What the kernels read and write.
template <class T>
struct DecodeProblem {
  AttentionShape shape;
  CachedRows rows;
  std::uint32_t splits;
  const T* qkv;
  CacheLayer<T> cache;
  T* out;
  float* sums;    ///< [rows, heads, splits, dim]; unused with one split
  float2* stats;  ///< highest score and Σ exp below it, [rows, heads, splits]
  float scale;    ///< multiplies scores
  int window;     ///< keys that a query sees
  float cap;      ///< of scaled scores; 0: none

  [[nodiscard]] __host__ __device__ std::uint32_t group() const { return shape.heads / shape.kv_heads; }
  [[nodiscard]] __host__ __device__ std::size_t qkv_width() const {
    return std::size_t{shape.heads + 2 * shape.kv_heads} * shape.dim;
  }
  [[nodiscard]] __host__ __device__ std::size_t out_at(std::uint32_t row, std::uint32_t head) const {
    return (std::size_t{row} * shape.heads + head) * shape.dim;
  }
  [[nodiscard]] __host__ __device__ std::size_t part(std::uint32_t row, std::uint32_t head,
                                                     std::uint32_t split) const {
    return (std::size_t{row} * shape.heads + head) * splits + split;
  }
};

template <class T>
DecodeProblem<T> decode_problem(const AttentionShape& shape, const CachedRows& rows, std::uint32_t splits,
                                const T* qkv, const CacheLayer<T>& cache, T* out, float* workspace) {
  constexpr std::uint32_t none = 1U << 30U;
  const std::size_t parts = std::size_t{rows.count} * shape.heads * splits;
  return {shape,
          rows,
          splits,
          qkv,
          cache,
          out,
          workspace + 2 * parts,
          reinterpret_cast<float2*>(workspace),
          shape.scale > 0.0F ? shape.scale : 1.0F / std::sqrt(static_cast<float>(shape.dim)),
          static_cast<int>(shape.window == 0 ? none : std::min(shape.window, none)),
          shape.cap};
}

/// The keys that a block takes of those a row sees: all splits have as many, in whole tiles.
struct DecodeRange {
  int first, end;
};
template <class T>
__device__ inline DecodeRange decode_range(const DecodeProblem<T>& problem, std::uint32_t row,
                                           std::uint32_t split) {
  const int end = static_cast<int>(problem.rows.position[row]) + 1;
  const int first = max(0, end - problem.window);
  const int splits = static_cast<int>(problem.splits);
  const int share = ((end - first + splits - 1) / splits + 31) / 32 * 32;
  const int mine = min(end, first + static_cast<int>(split) * share);
  return {mine, min(end, mine + share)};
}

/// Neighbouring columns that a lane adds up: with them 32 lanes cover the head.
template <int fixed_dim>
__host__ __device__ constexpr int lane_columns() {
  return fixed_dim == 0 ? 8 : fixed_dim <= 64 ? 2 : 4;
}
template <int columns>
__device__ inline void load_columns(const float* from, float (&x)[columns]) {
#pragma unroll
  for (int i = 0; i < columns; i += 2) {
    const float2 pair = *reinterpret_cast<const float2*>(from + i);
    x[i] = pair.x;
    x[i + 1] = pair.y;
  }
}
template <int columns>
__device__ inline void load_columns(const bf16* from, float (&x)[columns]) {
  if constexpr (columns == 8) {
    load_8(from, x);
  } else {
    std::uint32_t word[columns / 2];
    if constexpr (columns == 4) {
      const uint2 raw = *reinterpret_cast<const uint2*>(from);
      word[0] = raw.x, word[1] = raw.y;
    } else {
      word[0] = *reinterpret_cast<const std::uint32_t*>(from);
    }
#pragma unroll
    for (int i = 0; i < columns / 2; ++i) {
      x[2 * i] = __uint_as_float(word[i] << 16U);
      x[2 * i + 1] = __uint_as_float(word[i] & 0xFFFF0000U);
    }
  }
}

/// A warp's sums over the keys it has seen, for `heads` queries: each lane has some columns of all of them.
template <int heads, int columns>
struct DecodeSums {
  float high[heads], sum[heads], value[heads][columns];

  __device__ DecodeSums() {
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      high[h] = -INFINITY;
      sum[h] = 0.0F;
#pragma unroll
      for (int c = 0; c < columns; ++c) value[h][c] = 0.0F;
    }
  }
  /// Takes up scores of 32 keys, a lane's own each; leaves exp(score − high) in `weights`, [key][head].
  __device__ void add_scores(const float (&score)[heads], float* weights) {
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      const float higher = fmaxf(high[h], warp_max(score[h]));
      const float keep = expf(high[h] - higher), weight = expf(score[h] - higher);
      high[h] = higher;
      sum[h] = sum[h] * keep + weight;  // of this lane's keys
#pragma unroll
      for (int c = 0; c < columns; ++c) value[h][c] *= keep;
      weights[lane * heads + h] = weight;
    }
  }
};

/// Scores of one key against `heads` queries in shared memory, [head][dim].
template <int heads, class T>
__device__ inline void key_scores(const T* key, const float* queries, int dim, float (&score)[heads]) {
#pragma unroll
  for (int h = 0; h < heads; ++h) score[h] = 0.0F;
#pragma unroll 4
  for (int d = 0; d < dim; d += 8) {
    float x[8];
    load_8(key + d, x);
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      const float4 a = *reinterpret_cast<const float4*>(queries + h * dim + d);
      const float4 b = *reinterpret_cast<const float4*>(queries + h * dim + d + 4);
      score[h] += x[0] * a.x + x[1] * a.y + x[2] * a.z + x[3] * a.w + x[4] * b.x + x[5] * b.y + x[6] * b.z +
                  x[7] * b.w;
    }
  }
}

/// Shared memory of a block in floats: queries, weights, the warps' highest scores and sums, their values.
template <int heads>
__host__ __device__ constexpr int decode_shared(int dim) {
  return heads * (dim + decode_warps * 32 + 2 * decode_warps + decode_warps * dim);
}

/// Grid: groups of query heads, rows, splits.
template <class T, int fixed_dim, int heads>
__global__ void __launch_bounds__(decode_threads) decode_kernel(DecodeProblem<T> problem) {
  constexpr int columns = lane_columns<fixed_dim>();
  extern __shared__ float4 shared_memory[];
  const int dim = fixed_dim > 0 ? fixed_dim : static_cast<int>(problem.shape.dim);
  float* const queries = reinterpret_cast<float*>(shared_memory);
  float* const weights = queries + heads * dim;
  float* const stats = weights + decode_warps * 32 * heads;
  float* const values = stats + 2 * decode_warps * heads;

  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const std::uint32_t row = blockIdx.y, split = blockIdx.z, group = problem.group();
  const std::uint32_t groups = (group + heads - 1) / heads;
  const std::uint32_t kv_head = blockIdx.x / groups, within = blockIdx.x % groups * heads;
  const std::uint32_t head = kv_head * group + within;
  const int used = min(heads, static_cast<int>(group - within));
  const std::int32_t slot = problem.rows.slot[row];
  T* const out = problem.out + problem.out_at(row, head);
  if (slot < 0) {
    if (split == 0)
      for (int i = static_cast<int>(threadIdx.x); i < used * dim; i += decode_threads) put(0.0F, out + i);
    return;
  }
  const T* const query = problem.qkv + row * problem.qkv_width() + std::size_t{head} * problem.shape.dim;
  for (int i = static_cast<int>(threadIdx.x); i < heads * dim; i += decode_threads)
    queries[i] = i < used * dim ? wide(query[i]) * problem.scale : 0.0F;
  __syncthreads();

  const std::size_t from = (static_cast<std::size_t>(slot) * problem.cache.kv_heads + kv_head) *
                           problem.cache.positions * problem.cache.dim;
  const T* const keys = problem.cache.keys + from;
  const T* const cached = problem.cache.values + from;
  const DecodeRange range = decode_range(problem, row, split);
  float* const mine = weights + warp * 32 * heads;
  DecodeSums<heads, columns> sums;
  for (int first = range.first + 32 * warp; first < range.end; first += decode_threads) {
    const bool exists = first + lane < range.end;
    float score[heads];
    if (exists) key_scores<heads>(keys + static_cast<std::size_t>(first + lane) * dim, queries, dim, score);
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      if (!exists)
        score[h] = -INFINITY;
      else if (problem.cap > 0.0F)
        score[h] = problem.cap * tanhf(score[h] / problem.cap);
    }
    sums.add_scores(score, mine);
    __syncwarp();
    const int count = min(32, range.end - first);
    if (lane * columns < dim) {
      const T* value = cached + static_cast<std::size_t>(first) * dim + lane * columns;
#pragma unroll 4
      for (int j = 0; j < count; ++j, value += dim) {
        float x[columns];
        load_columns(value, x);
#pragma unroll
        for (int h = 0; h < heads; ++h)
#pragma unroll
          for (int c = 0; c < columns; ++c) sums.value[h][c] += mine[j * heads + h] * x[c];
      }
    }
    __syncwarp();
  }

  // The warps' sums, merged by their highest scores.
#pragma unroll
  for (int h = 0; h < heads; ++h) {
    const float total = warp_sum(sums.sum[h]);
    if (lane == 0) {
      stats[warp * heads + h] = sums.high[h];
      stats[(decode_warps + warp) * heads + h] = total;
    }
    if (lane * columns < dim)
#pragma unroll
      for (int c = 0; c < columns; ++c)
        values[(warp * heads + h) * dim + lane * columns + c] = sums.value[h][c];
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < used * dim; i += decode_threads) {
    const int h = i / dim;
    float high = -INFINITY, total = 0.0F, value = 0.0F;
    for (int w = 0; w < decode_warps; ++w)
      if (stats[(decode_warps + w) * heads + h] != 0.0F) high = fmaxf(high, stats[w * heads + h]);
    for (int w = 0; w < decode_warps; ++w) {
      const float sum = stats[(decode_warps + w) * heads + h];
      if (sum == 0.0F) continue;  // a warp without keys
      const float weight = expf(stats[w * heads + h] - high);
      total += weight * sum;
      value += weight * values[w * heads * dim + i];
    }
    if (problem.splits == 1) {
      put(value / total, out + i);
      continue;
    }
    const std::size_t part = problem.part(row, head + static_cast<std::uint32_t>(h), split);
    problem.sums[part * static_cast<std::size_t>(dim) + static_cast<std::size_t>(i % dim)] = value;
    if (i % dim == 0) problem.stats[part] = float2{high, total};
  }
}

/// The splits' sums, merged. Grid: heads, rows.
template <class T>
__global__ void __launch_bounds__(decode_threads) decode_merge_kernel(DecodeProblem<T> problem) {
  const std::uint32_t head = blockIdx.x, row = blockIdx.y;
  if (problem.rows.slot[row] < 0) return;
  const std::size_t first = problem.part(row, head, 0);
  float high = -INFINITY, total = 0.0F;
  for (std::uint32_t s = 0; s < problem.splits; ++s)
    if (problem.stats[first + s].y != 0.0F) high = fmaxf(high, problem.stats[first + s].x);
  for (std::uint32_t s = 0; s < problem.splits; ++s)
    if (problem.stats[first + s].y != 0.0F)
      total += expf(problem.stats[first + s].x - high) * problem.stats[first + s].y;
  T* const out = problem.out + problem.out_at(row, head);
  for (std::uint32_t d = threadIdx.x; d < problem.shape.dim; d += decode_threads) {
    float value = 0.0F;
    for (std::uint32_t s = 0; s < problem.splits; ++s)
      if (problem.stats[first + s].y != 0.0F)  // a split without keys
        value += expf(problem.stats[first + s].x - high) * problem.sums[(first + s) * problem.shape.dim + d];
    put(value / total, out + d);
  }
}

template <int fixed_dim, int heads, class T>
void launch_decode_heads(cudaStream_t stream, const DecodeProblem<T>& problem) {
  const AttentionShape& shape = problem.shape;
  const dim3 grid(shape.kv_heads * ((problem.group() + heads - 1) / heads), problem.rows.count,
                  problem.splits);
  const std::size_t shared = sizeof(float) * decode_shared<heads>(static_cast<int>(shape.dim));
  decode_kernel<T, fixed_dim, heads><<<grid, decode_threads, shared, stream>>>(problem);
  launched("decode_attention");
}

/// As many query heads at a time as share a head of keys, up to eight.
template <int fixed_dim, class T>
void launch_decode(cudaStream_t stream, const DecodeProblem<T>& problem) {
  if (problem.group() == 1)
    launch_decode_heads<fixed_dim, 1>(stream, problem);
  else if (problem.group() <= 4)
    launch_decode_heads<fixed_dim, 4>(stream, problem);
  else
    launch_decode_heads<fixed_dim, 8>(stream, problem);
  if (problem.splits == 1) return;
  decode_merge_kernel<T>
      <<<dim3(problem.shape.heads, problem.rows.count), decode_threads, 0, stream>>>(problem);
  launched("decode_attention (merge)");
}

}  // namespace zofo::tensor::cuda::detail
