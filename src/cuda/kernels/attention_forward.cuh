/// @file Attention forward on the tensor cores: one block for 64 queries of a head, keys in tiles, softmax as
/// they come. Source: Dao 2023 (FlashAttention-2, algorithm 1).
#pragma once

#include "cuda/kernels/attention_tile.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda::detail {

/// Softmax of two rows a thread (lane/4 and lane/4 + 8 of its warp), keys in tiles. Maxima are of unscaled
/// scores; sums are the thread's share.
struct RunningSoftmax {
  float highest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0F, 0.0F};
};

/// The largest (or the sum) over the four lanes that share a row.
__device__ inline float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xFFFFFFFFU, x, 2));
}
__device__ inline float quad_sum(float x) {
  x += __shfl_xor_sync(0xFFFFFFFFU, x, 1);
  return x + __shfl_xor_sync(0xFFFFFFFFU, x, 2);
}

/// Replaces scores by their exponentials against the new maximum; scales the sums so far to it.
template <int blocks, int out_blocks>
__device__ inline void softmax_step(RunningSoftmax& state, float to_log2, float (&scores)[blocks][4],
                                    float (&out)[out_blocks][4]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float highest = state.highest[half];
#pragma unroll
    for (int n = 0; n < blocks; ++n)
      highest = fmaxf(highest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
    highest = quad_max(highest);
    const float finite = highest == -INFINITY ? 0.0F : highest;  // a row may see nothing of a tile
    const float keep = exp2_fast((state.highest[half] - finite) * to_log2);
    const float shift = finite * to_log2;
    state.highest[half] = highest;
    state.sum[half] *= keep;
#pragma unroll
    for (int n = 0; n < blocks; ++n)
#pragma unroll
      for (int e = 2 * half; e < 2 * half + 2; ++e) {
        scores[n][e] = exp2_fast(scores[n][e] * to_log2 - shift);
        state.sum[half] += scores[n][e];
      }
#pragma unroll
    for (int n = 0; n < out_blocks; ++n) {
      out[n][2 * half] *= keep;
      out[n][2 * half + 1] *= keep;
    }
  }
}

/// Entries of shared memory: the queries, then twice a tile of keys and one of values.
template <int dim>
constexpr int forward_entries = (tile_rows + 4 * loop_rows<dim>)*pitch<dim>;

/// Grid: heads, query tiles of the longest sequence, spans.
template <int dim>
__global__ void __launch_bounds__(attention_threads, dim == 64 ? 4 : 3)
    attention_forward_kernel(AttentionProblem<bf16> problem, bf16* __restrict__ out,
                             float* __restrict__ lse) {
  constexpr int keys_at_once = loop_rows<dim>;
  constexpr int tile = keys_at_once * pitch<dim>;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  bf16* const queries = reinterpret_cast<bf16*>(shared_bytes);
  bf16* const stages = queries + tile_rows * pitch<dim>;

  const AttentionSpan span = span_of(problem, blockIdx.z);
  if (span.padding) return clear_padding(span, problem.out_width(), out);
  // The last tiles see the most keys: they start first.
  const int first = static_cast<int>(gridDim.y - 1 - blockIdx.y) * tile_rows;
  if (first >= span.length) return;
  const std::uint32_t head = blockIdx.x, kv_head = head / problem.group();
  const KeyRows<bf16> keys = key_rows(problem, span, kv_head);
  const KeyRows<bf16> values = value_rows(problem, span, kv_head);
  const int tiles = (min(first + tile_rows, span.length) + span.prefix + keys_at_once - 1) / keys_at_once;
  const int start = first_key(problem, span, first) / keys_at_once;

  const std::size_t row = span.row + static_cast<std::size_t>(first);
  copy_rows<dim, tile_rows>(queries, problem.qkv + row * problem.qkv_width() + head * dim,
                            problem.qkv_width(), span.length - first);
  copy_keys<dim, keys_at_once>(stages + start % 2 * 2 * tile, keys, start * keys_at_once);
  copy_keys<dim, keys_at_once>(stages + start % 2 * 2 * tile + tile, values, start * keys_at_once);

  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int query = first + 16 * warp;  // the warp's first
  bf16* const own = queries + 16 * warp * pitch<dim>;
  const float to_log2 = problem.scale * log2_e;
  Fragment q[dim / 16];
  float sums[dim / 8][4];
  clear(sums);
  RunningSoftmax state;
  for (int t = start; t < tiles; ++t) {
    wait_for_copies();
    __syncthreads();  // tile t is loaded, and no thread still reads tile t − 1
    bf16* const stage = stages + t % 2 * 2 * tile;
    if (t + 1 < tiles) {
      bf16* const next = stages + (t + 1) % 2 * 2 * tile;
      copy_keys<dim, keys_at_once>(next, keys, (t + 1) * keys_at_once);
      copy_keys<dim, keys_at_once>(next + tile, values, (t + 1) * keys_at_once);
    }
    const int reach = query + span.prefix - t * keys_at_once;  // last column that the warp's first row sees
    if (query >= span.length || reach + 15 < 0) continue;
    if (t == start) {
#pragma unroll
      for (std::uint32_t k = 0; k < dim / 16; ++k)
        q[k] = load_fragment(down_address<pitch<dim>>(own) + k * 32);
    }
    float scores[keys_at_once / 8][4];
    row_products<dim>(scores, q, across_address<pitch<dim>>(stage));
    if (reach < keys_at_once - 1) mask_right(scores, reach, -INFINITY);
    if (reach + 15 >= problem.window) mask_left(scores, reach - problem.window, -INFINITY);
    softmax_step(state, to_log2, scores, sums);
    Fragment weights[keys_at_once / 16];
    narrow_operand(scores, weights);
    column_products<dim>(sums, weights, down_address<pitch<dim>>(stage + tile));
  }
  if (query >= span.length) return;

  const float sum[2] = {quad_sum(state.sum[0]), quad_sum(state.sum[1])};
  const int count = span.length - query;
  const std::size_t out_row = span.row + static_cast<std::size_t>(query);
  stage_rows<pitch<dim>>(own, sums, 1.0F / sum[0], 1.0F / sum[1]);
  store_rows<pitch<dim>, dim>(own, out + out_row * problem.out_width() + head * dim,
                              static_cast<std::ptrdiff_t>(problem.out_width()), 0, count);
  if (lse == nullptr || lane % 4 != 0) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = lane / 4 + 8 * half;
    if (r < count)
      lse[(out_row + static_cast<std::size_t>(r)) * problem.shape.heads + head] =
          (state.highest[half] * to_log2 + log2f(sum[half])) * ln_2;
  }
}

template <int dim>
void launch_forward(cudaStream_t stream, const AttentionProblem<bf16>& problem, std::uint32_t longest,
                    bf16* out, float* lse) {
  constexpr int bytes = forward_entries<dim> * static_cast<int>(sizeof(bf16));
  allow_shared(attention_forward_kernel<dim>, bytes);
  const dim3 grid(problem.shape.heads, (longest + tile_rows - 1) / tile_rows,
                  spans(problem.rows, problem.sequences));
  attention_forward_kernel<dim><<<grid, attention_threads, bytes, stream>>>(problem, out, lse);
  launched("attention");
}

}  // namespace zofo::tensor::cuda::detail
