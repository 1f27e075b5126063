/// @file Attention for any scalar and any head dim up to 256, in fp32 arithmetic without tensor cores: a warp
/// for a row, 32 rows of the other side at a time.
#pragma once

#include <cmath>

#include "cuda/kernels/attention_span.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda::detail {

constexpr int general_warps = 4;
constexpr int general_threads = 32 * general_warps;
constexpr int general_most_dim = 256;

__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xFFFFFFFFU, x, step);
  return x;
}
__device__ inline float warp_max(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, step));
  return x;
}

__device__ inline float wide(float x) { return x; }
__device__ inline float wide(bf16 x) { return __bfloat162float(x); }
__device__ inline void put(float value, float* to) { *to = value; }
__device__ inline void put(float value, bf16* to) { *to = __float2bfloat16(value); }

/// Eight neighbouring entries, which start on 16 bytes.
__device__ inline void load_8(const float* from, float (&x)[8]) {
  const float4 a = reinterpret_cast<const float4*>(from)[0], b = reinterpret_cast<const float4*>(from)[1];
  x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w, x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
}
__device__ inline void load_8(const bf16* from, float (&x)[8]) {
  const uint4 raw = *reinterpret_cast<const uint4*>(from);
  const std::uint32_t word[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    x[2 * i] = __uint_as_float(word[i] << 16U);
    x[2 * i + 1] = __uint_as_float(word[i] & 0xFFFF0000U);
  }
}

/// A score from an inner product, scaled and capped.
template <class Problem>
__device__ inline float score_of(const Problem& problem, float product) {
  const float score = product * problem.scale;
  return problem.cap > 0.0F ? problem.cap * tanhf(score / problem.cap) : score;
}
/// The derivative of a score in its inner product.
template <class T>
__device__ inline float score_slope(const AttentionProblem<T>& problem, float score) {
  if (problem.cap <= 0.0F) return problem.scale;
  const float share = score / problem.cap;
  return problem.scale * (1.0F - share * share);
}

/// One lane's inner product of a row in memory with one in shared memory.
template <class T>
__device__ inline float lane_dot(const T* row, const float* shared, int dim) {
  float sum = 0.0F;
  for (int d = 0; d < dim; d += 8) {
    float x[8];
    load_8(row + d, x);
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += x[i] * shared[d + i];
  }
  return sum;
}

/// A warp's copy of a row, in fp32.
template <class T>
__device__ inline void share_row(const T* row, float* shared, int dim) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  for (int d = lane; d < dim; d += 32) shared[d] = wide(row[d]);
}

/// A row's columns spread over a warp: lane, lane + 32, …
struct LaneColumns {
  float value[general_most_dim / 32] = {};

  __device__ void scale(float factor) {
#pragma unroll
    for (float& v : value) v *= factor;
  }
  template <class T>
  __device__ void add(float weight, const T* row, int dim) {
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int c = 0; c < general_most_dim / 32; ++c)
      if (lane + 32 * c < dim) value[c] += weight * wide(row[lane + 32 * c]);
  }
  template <class T>
  __device__ void store(T* row, int dim) const {
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int c = 0; c < general_most_dim / 32; ++c)
      if (lane + 32 * c < dim) put(value[c], row + lane + 32 * c);
  }
};

/// Grid: heads, groups of queries of the longest sequence, spans.
template <class T>
__global__ void __launch_bounds__(general_threads)
    general_forward_kernel(AttentionProblem<T> problem, T* __restrict__ out, float* __restrict__ lse) {
  __shared__ float shared[general_warps][general_most_dim];
  const AttentionSpan span = span_of(problem, blockIdx.z);
  if (span.padding) return clear_padding(span, problem.out_width(), out);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int query = static_cast<int>(blockIdx.y) * general_warps + warp;
  if (query >= span.length) return;  // no block-wide barrier below
  const std::uint32_t head = blockIdx.x, kv_head = head / problem.group();
  const int dim = static_cast<int>(problem.shape.dim);
  const KeyRows<T> keys = key_rows(problem, span, kv_head), values = value_rows(problem, span, kv_head);
  const std::size_t row = span.row + static_cast<std::size_t>(query);
  share_row(problem.qkv + row * problem.qkv_width() + std::size_t{head} * problem.shape.dim, shared[warp],
            dim);
  __syncwarp();

  LaneColumns sums;
  float highest = -INFINITY, sum = 0.0F;
  const int visible = span.prefix + query + 1;
  for (int first = first_key(problem, span, query); first < visible; first += 32) {
    const bool exists = first + lane < visible;
    const float score =
        exists ? score_of(problem, lane_dot(keys.at(first + lane), shared[warp], dim)) : -INFINITY;
    const float higher = fmaxf(highest, warp_max(score));
    const float keep = expf(highest - higher), weight = expf(score - higher);
    highest = higher;
    sum = sum * keep + weight;
    sums.scale(keep);
    for (int j = 0; j < min(32, visible - first); ++j)
      sums.add(__shfl_sync(0xFFFFFFFFU, weight, j), values.at(first + j), dim);
  }
  sum = warp_sum(sum);
  sums.scale(1.0F / sum);
  sums.store(out + row * problem.out_width() + std::size_t{head} * problem.shape.dim, dim);
  if (lse != nullptr && lane == 0) lse[row * problem.shape.heads + head] = highest + logf(sum);
}

/// What backward reads next to the problem, and where its results go.
template <class T>
struct GeneralBackward {
  const T* out;
  const float* lse;
  const T* d_out;
  T* d_qkv;
  float* deltas;  ///< rowsum(dO ∘ O), [rows, heads]
  PrefixPartials partials;
};

/// dQ and D of a query a warp. Grid: heads, groups of queries of the longest sequence, spans.
template <class T>
__global__ void __launch_bounds__(general_threads)
    general_query_kernel(AttentionProblem<T> problem, GeneralBackward<T> arrays) {
  __shared__ float shared[2][general_warps][general_most_dim];
  const AttentionSpan span = span_of(problem, blockIdx.z);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int query = static_cast<int>(blockIdx.y) * general_warps + warp;
  if (span.padding || query >= span.length) return;  // no block-wide barrier below
  const std::uint32_t head = blockIdx.x, kv_head = head / problem.group();
  const int dim = static_cast<int>(problem.shape.dim);
  const KeyRows<T> keys = key_rows(problem, span, kv_head), values = value_rows(problem, span, kv_head);
  const std::size_t row = span.row + static_cast<std::size_t>(query);
  const std::size_t column = std::size_t{head} * problem.shape.dim;
  const std::size_t out_at = row * problem.out_width() + column;
  float* const q = shared[0][warp];
  float* const d_out = shared[1][warp];
  share_row(problem.qkv + row * problem.qkv_width() + column, q, dim);
  share_row(arrays.d_out + out_at, d_out, dim);
  __syncwarp();

  float delta = 0.0F;
  for (int d = lane; d < dim; d += 32)
    delta += d_out[d] * wide(arrays.out[out_at + static_cast<unsigned>(d)]);
  delta = warp_sum(delta);
  const std::size_t number = row * problem.shape.heads + head;
  if (lane == 0) arrays.deltas[number] = delta;
  const float lse = arrays.lse[number];

  LaneColumns sums;
  const int visible = span.prefix + query + 1;
  for (int first = first_key(problem, span, query); first < visible; first += 32) {
    float ds = 0.0F;
    if (first + lane < visible) {
      const float score = score_of(problem, lane_dot(keys.at(first + lane), q, dim));
      ds = expf(score - lse) * (lane_dot(values.at(first + lane), d_out, dim) - delta) *
           score_slope(problem, score);
    }
    for (int j = 0; j < min(32, visible - first); ++j)
      sums.add(__shfl_sync(0xFFFFFFFFU, ds, j), keys.at(first + j), dim);
  }
  sums.store(arrays.d_qkv + row * problem.qkv_width() + column, dim);
}

/// dK and dV of a key a warp, summed over the group's heads and the queries that see it; sets padding to 0.
/// Grid: kv_heads, groups of keys of the longest sequence, spans.
template <class T>
__global__ void __launch_bounds__(general_threads)
    general_key_kernel(AttentionProblem<T> problem, GeneralBackward<T> arrays) {
  __shared__ float shared[2][general_warps][general_most_dim];
  const AttentionSpan span = span_of(problem, blockIdx.z);
  if (span.padding) return clear_padding(span, problem.qkv_width(), arrays.d_qkv);
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int key = static_cast<int>(blockIdx.y) * general_warps + warp;
  if (span.length == 0 || key >= span.keys()) return;  // no block-wide barrier below
  const std::uint32_t kv_head = blockIdx.x;
  const int dim = static_cast<int>(problem.shape.dim);
  float* const k = shared[0][warp];
  float* const v = shared[1][warp];
  share_row(key_rows(problem, span, kv_head).at(key), k, dim);
  share_row(value_rows(problem, span, kv_head).at(key), v, dim);
  __syncwarp();

  LaneColumns dk, dv;
  const std::size_t qkv_width = problem.qkv_width(), out_width = problem.out_width();
  const int end = end_query(problem, span, key);
  for (std::uint32_t head = kv_head * problem.group(); head < (kv_head + 1) * problem.group(); ++head) {
    const std::size_t column = std::size_t{head} * problem.shape.dim;
    const T* const queries = problem.qkv + span.row * qkv_width + column;
    const T* const gradients = arrays.d_out + span.row * out_width + column;
    for (int first = max(0, key - span.prefix); first < end; first += 32) {
      float weight = 0.0F, ds = 0.0F;
      if (first + lane < end) {
        const auto i = static_cast<std::size_t>(first + lane);
        const std::size_t number = (span.row + i) * problem.shape.heads + head;
        const float score = score_of(problem, lane_dot(queries + i * qkv_width, k, dim));
        weight = expf(score - arrays.lse[number]);
        ds = weight * (lane_dot(gradients + i * out_width, v, dim) - arrays.deltas[number]) *
             score_slope(problem, score);
      }
      for (int j = 0; j < min(32, end - first); ++j) {
        const auto i = static_cast<std::size_t>(first + j);
        dk.add(__shfl_sync(0xFFFFFFFFU, ds, j), queries + i * qkv_width, dim);
        dv.add(__shfl_sync(0xFFFFFFFFU, weight, j), gradients + i * out_width, dim);
      }
    }
  }
  if (key >= span.prefix) {
    T* const to = arrays.d_qkv + (span.row + static_cast<std::size_t>(key - span.prefix)) * qkv_width;
    dk.store(to + problem.key_column(kv_head), dim);
    dv.store(to + problem.value_column(kv_head), dim);
  } else if (arrays.partials.data != nullptr) {
    const std::size_t size = std::size_t{problem.prefix.length} * problem.kv_width();
    const std::size_t at =
        static_cast<std::size_t>(key) * problem.kv_width() + std::size_t{kv_head} * problem.shape.dim;
    dk.store(arrays.partials.keys(size, span.partial) + at, dim);
    dv.store(arrays.partials.values(size, span.partial) + at, dim);
  }
}

template <class T>
dim3 general_grid(const AttentionProblem<T>& problem, std::uint32_t heads, std::uint32_t most_rows) {
  return {heads, (most_rows + general_warps - 1) / general_warps, spans(problem.rows, problem.sequences)};
}

template <class T>
void launch_general_forward(cudaStream_t stream, const AttentionProblem<T>& problem, std::uint32_t longest,
                            T* out, float* lse) {
  general_forward_kernel<T>
      <<<general_grid(problem, problem.shape.heads, longest), general_threads, 0, stream>>>(problem, out,
                                                                                            lse);
  launched("attention (general)");
}

template <class T>
void launch_general_backward(cudaStream_t stream, const AttentionProblem<T>& problem, std::uint32_t longest,
                             const GeneralBackward<T>& arrays) {
  general_query_kernel<T>
      <<<general_grid(problem, problem.shape.heads, longest), general_threads, 0, stream>>>(problem, arrays);
  launched("attention_backward (general, queries)");
  const std::uint32_t most_keys = longest + problem.prefix.length;
  general_key_kernel<T>
      <<<general_grid(problem, problem.shape.kv_heads, most_keys), general_threads, 0, stream>>>(problem,
                                                                                                 arrays);
  launched("attention_backward (general, keys)");
}

}  // namespace zofo::tensor::cuda::detail
