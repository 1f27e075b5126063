/// @file Attention backward for a block of queries: dQ and D (see attention_backward.cuh).
#pragma once

#include "cuda/kernels/attention_backward_arrays.cuh"
#include "cuda/kernels/attention_tile.cuh"

namespace zofo::tensor::cuda::detail {

/// This lane's part (every second piece) of row `lane / 2` of 16 rows of O, zeros beyond `count`.
template <int dim>
struct HalfRow {
  uint4 piece[dim / 16];
  __device__ HalfRow(const bf16* rows, std::size_t stride, int count) {
    const int lane = static_cast<int>(threadIdx.x % 32), r = lane / 2;
#pragma unroll
    for (int i = 0; i < dim / 16; ++i)
      piece[i] = r < count ? *reinterpret_cast<const uint4*>(rows + static_cast<std::size_t>(r) * stride +
                                                             (2 * i + lane % 2) * 8)
                           : uint4{0, 0, 0, 0};
  }
  /// The inner product of row lane/2 with the same row of 16 in shared memory.
  [[nodiscard]] __device__ float dot(const bf16* shared_rows) const {
    const int lane = static_cast<int>(threadIdx.x % 32);
    float sum = 0.0F;
#pragma unroll
    for (int i = 0; i < dim / 16; ++i)
      sum += dot_8(piece[i], *reinterpret_cast<const uint4*>(shared_rows + lane / 2 * pitch<dim> +
                                                             (2 * i + lane % 2) * 8));
    return sum + __shfl_xor_sync(0xFFFFFFFFU, sum, 1);
  }
};

/// Entries of shared memory of the kernel of queries: Q and dO, then twice a tile of keys and one of values.
template <int dim>
constexpr int query_entries = (2 * tile_rows + 4 * loop_rows<dim>)*pitch<dim>;

/// dQ of 64 queries of a head, and their D. Grid: heads, query tiles of the longest sequence, spans.
template <int dim>
__global__ void __launch_bounds__(attention_threads, dim == 80 ? 2 : 3)
    attention_query_kernel(AttentionProblem<bf16> problem, BackwardArrays arrays) {
  constexpr int keys_at_once = loop_rows<dim>;
  constexpr int tile = keys_at_once * pitch<dim>;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  bf16* const queries = reinterpret_cast<bf16*>(shared_bytes);
  bf16* const out_gradients = queries + tile_rows * pitch<dim>;
  bf16* const stages = out_gradients + tile_rows * pitch<dim>;

  const AttentionSpan span = span_of(problem, blockIdx.z);
  const int first = static_cast<int>(gridDim.y - 1 - blockIdx.y) * tile_rows;
  if (span.padding || first >= span.length) return;
  const std::uint32_t head = blockIdx.x, kv_head = head / problem.group();
  const KeyRows<bf16> keys = key_rows(problem, span, kv_head);
  const KeyRows<bf16> values = value_rows(problem, span, kv_head);
  const int tiles = (min(first + tile_rows, span.length) + span.prefix + keys_at_once - 1) / keys_at_once;
  const int start = first_key(problem, span, first) / keys_at_once;

  const std::size_t row = span.row + static_cast<std::size_t>(first);
  copy_rows<dim, tile_rows>(queries, problem.qkv + row * problem.qkv_width() + head * dim,
                            problem.qkv_width(), span.length - first);
  copy_rows<dim, tile_rows>(out_gradients, arrays.d_out + row * problem.out_width() + head * dim,
                            problem.out_width(), span.length - first);
  copy_keys<dim, keys_at_once>(stages + start % 2 * 2 * tile, keys, start * keys_at_once);
  copy_keys<dim, keys_at_once>(stages + start % 2 * 2 * tile + tile, values, start * keys_at_once);

  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int query = first + 16 * warp;  // the warp's first
  const int count = span.length - query;
  const std::size_t own_row = span.row + static_cast<std::size_t>(query);
  bf16* const own_queries = queries + 16 * warp * pitch<dim>;
  const bf16* const own_gradients = out_gradients + 16 * warp * pitch<dim>;
  const float to_log2 = problem.scale * log2_e;
  float lse[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = lane / 4 + 8 * half;
    lse[half] =
        r < count ? log2_e * arrays.lse[(own_row + static_cast<std::size_t>(r)) * problem.shape.heads + head]
                  : 0.0F;
  }
  float delta[2];
  {
    const HalfRow<dim> out(arrays.out + own_row * problem.out_width() + head * dim, problem.out_width(),
                           count);
    wait_for_copies();
    __syncthreads();
    const float own = out.dot(own_gradients);
    if (lane % 2 == 0 && lane / 2 < count)
      arrays.deltas[(own_row + static_cast<std::size_t>(lane / 2)) * problem.shape.heads + head] = own;
    delta[0] = __shfl_sync(0xFFFFFFFFU, own, lane / 4 * 2);
    delta[1] = __shfl_sync(0xFFFFFFFFU, own, lane / 4 * 2 + 16);
  }

  float sums[dim / 8][4];
  clear(sums);
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
    if (count <= 0 || reach + 15 < 0) continue;
    float p[keys_at_once / 8][4], ds[keys_at_once / 8][4];
    row_products<dim>(p, down_address<pitch<dim>>(own_queries), across_address<pitch<dim>>(stage));
    row_products<dim>(ds, down_address<pitch<dim>>(own_gradients), across_address<pitch<dim>>(stage + tile));
    const int last = reach + lane / 4 - lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < keys_at_once / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float weight = exp2_fast(p[n][e] * to_log2 - lse[e / 2]);
        ds[n][e] = n * 8 + e % 2 > last + e / 2 * 8 ? 0.0F : weight * (ds[n][e] - delta[e / 2]);
      }
    if (reach + 15 >= problem.window) mask_left(ds, reach - problem.window, 0.0F);
    Fragment operand[keys_at_once / 16];
    narrow_operand(ds, operand);
    column_products<dim>(sums, operand, down_address<pitch<dim>>(stage));
  }
  if (count <= 0) return;
  stage_rows<pitch<dim>>(own_queries, sums, problem.scale, problem.scale);
  store_rows<pitch<dim>, dim>(own_queries, arrays.d_qkv + own_row * problem.qkv_width() + head * dim,
                              static_cast<std::ptrdiff_t>(problem.qkv_width()), 0, count);
}

}  // namespace zofo::tensor::cuda::detail
