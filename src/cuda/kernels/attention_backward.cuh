/// @file Attention backward on the tensor cores. Probabilities come again from lse; with P the probabilities,
/// dP = dO Vᵀ and D = rowsum(dO ∘ O): dS = P ∘ (dP − D), dQ = dS K/√dim, dK = dSᵀQ/√dim, dV = Pᵀ dO.
/// One kernel has a block for 64 queries (dQ and D), one a block for 64 keys and all queries of the group
/// that see them (dK, dV), so that no two blocks add to one place; where a sequence has no more than 64 keys
/// the second does all. Source: Dao 2023 (FlashAttention-2, algorithm 2; the split into two kernels is ours).
#pragma once

#include "cuda/kernels/attention_tile.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda::detail {

/// What backward reads beside the problem, and where its results go.
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
    __syncthreads();  // tile t is there, and nobody reads tile t − 1 any more
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

/// Shared memory of the kernel of keys, in entries of bf16: keys, values, twice a stage (Q, dO and, where dQ
/// is made here, O), then dSᵀ for dQ, then lse and D in fp32, twice each.
template <int dim, bool whole>
struct KeyMemory {
  static constexpr int queries = loop_rows<dim>;
  static constexpr int tile = queries * pitch<dim>;
  static constexpr int stage = (whole ? 3 : 2) * tile;
  static constexpr int gradient_pitch = queries + 8;
  static constexpr int values_at = tile_rows * pitch<dim>;
  static constexpr int stages_at = 2 * values_at;
  static constexpr int gradients_at = stages_at + 2 * stage;
  static constexpr int numbers_at = gradients_at + (whole ? tile_rows * gradient_pitch : 0);
  static constexpr int bytes = numbers_at * static_cast<int>(sizeof(bf16)) + 4 * queries * 4;
};

/// D of the stage's queries, from dO and O in shared memory; the block must synchronise after it.
template <int dim>
__device__ inline void stage_deltas(const bf16* out_gradients, const bf16* out, float* deltas) {
  constexpr int parts = attention_threads / loop_rows<dim>;
  const int r = static_cast<int>(threadIdx.x) / parts, part = static_cast<int>(threadIdx.x) % parts;
  float sum = 0.0F;
#pragma unroll
  for (int c = 0; c < dim / 8; c += parts) {
    const int at = r * pitch<dim> + (c + part) * 8;
    sum +=
        dot_8(*reinterpret_cast<const uint4*>(out_gradients + at), *reinterpret_cast<const uint4*>(out + at));
  }
#pragma unroll
  for (int step = 1; step < parts; step *= 2) sum += __shfl_xor_sync(0xFFFFFFFFU, sum, step);
  if (part == 0) deltas[r] = sum;
}

/// dQ of the stage's queries, whose keys are all in shared memory: warps share the queries by 16 and, where
/// those are fewer than the warps, the columns.
template <int dim, int queries>
__device__ inline void query_gradients(const bf16* gradients, const bf16* keys, bf16* scratch, float scale,
                                       bf16* to, std::size_t stride, int count) {
  constexpr int row_groups = queries / 16, columns = dim * row_groups / attention_warps;
  static_assert(columns % 16 == 0);
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int row = warp % row_groups * 16, column = warp / row_groups * columns;
  if (row >= count) return;
  float sums[columns / 8][4];
  clear(sums);
  const std::uint32_t left = across_address<queries + 8>(gradients + row);
  const std::uint32_t right = down_address<pitch<dim>>(keys + column);
#pragma unroll
  for (std::uint32_t k = 0; k < tile_rows / 16; ++k)
    column_step(sums, load_transposed(left + k * 16 * (queries + 8) * 2), right + k * 16 * pitch<dim> * 2);
  bf16* const own = scratch + row * pitch<dim> + column;
  stage_rows<pitch<dim>>(own, sums, scale, scale);
  store_rows<pitch<dim>, columns>(own, to + static_cast<std::size_t>(row) * stride + column,
                                  static_cast<std::ptrdiff_t>(stride), 0, count - row);
}

/// Stores what a warp's 16 keys (from key `first` of the span on) have of the prefix, as partial sums.
template <int dim>
__device__ inline void store_partials(const float (&sums)[dim / 8][4], float scale, float* to,
                                      std::size_t stride, int first, int prefix) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int key = first + lane / 4 + 8 * half;
    if (key >= prefix) continue;
    float* const row = to + static_cast<std::size_t>(key) * stride + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < dim / 8; ++n)
      *reinterpret_cast<float2*>(row + n * 8) =
          float2{sums[n][2 * half] * scale, sums[n][2 * half + 1] * scale};
  }
}

/// dK and dV of 64 keys, summed over the group's heads; sets padding to 0. `whole`: a sequence's keys are no
/// more than 64 and the block makes dQ as well. Grid: kv_heads, key tiles of the longest sequence, spans.
template <int dim, bool whole>
__global__ void __launch_bounds__(attention_threads, dim == 64 && !whole ? 3 : 2)
    attention_key_kernel(AttentionProblem<bf16> problem, BackwardArrays arrays) {
  using Memory = KeyMemory<dim, whole>;
  constexpr int queries_at_once = Memory::queries;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  bf16* const shared = reinterpret_cast<bf16*>(shared_bytes);
  bf16* const keys = shared;
  bf16* const values = shared + Memory::values_at;
  bf16* const gradients = shared + Memory::gradients_at;
  float* const numbers = reinterpret_cast<float*>(shared + Memory::numbers_at);

  const AttentionSpan span = span_of(problem, blockIdx.z);
  if (span.padding) return clear_padding(span, problem.qkv_width(), arrays.d_qkv);
  const int first = static_cast<int>(blockIdx.y) * tile_rows;
  if (span.length == 0 || first >= span.keys()) return;
  const std::uint32_t kv_head = blockIdx.x, group = problem.group();
  const std::size_t qkv_width = problem.qkv_width(), out_width = problem.out_width();

  // Steps go over the query tiles that see the first key up to those that see the last one, for each head of
  // the group; where no query sees them one tile of zeros is added.
  const int first_tile = max(0, first - span.prefix) / queries_at_once;
  const int end = end_query(problem, span, first + tile_rows - 1);
  const int tiles = max((end + queries_at_once - 1) / queries_at_once - first_tile, 1);
  const int steps = static_cast<int>(group) * tiles;
  const auto head_of = [&](int step) { return kv_head * group + static_cast<std::uint32_t>(step / tiles); };
  const auto query_of = [&](int step) { return (first_tile + step % tiles) * queries_at_once; };
  const auto queue = [&](int step) {
    const std::uint32_t head = head_of(step);
    const int query = query_of(step), count = span.length - query;
    const std::size_t row = span.row + static_cast<std::size_t>(query);
    bf16* const stage = shared + Memory::stages_at + step % 2 * Memory::stage;
    const std::size_t out_at = row * out_width + head * dim;
    copy_rows<dim, queries_at_once>(stage, problem.qkv + row * qkv_width + head * dim, qkv_width, count);
    copy_rows<dim, queries_at_once>(stage + Memory::tile, arrays.d_out + out_at, out_width, count);
    if constexpr (whole)
      copy_rows<dim, queries_at_once>(stage + 2 * Memory::tile, arrays.out + out_at, out_width, count);
    const int r = static_cast<int>(threadIdx.x);
    if (r < queries_at_once) {
      const std::size_t at = (row + static_cast<std::size_t>(r < count ? r : 0)) * problem.shape.heads + head;
      float* const to = numbers + step % 2 * 2 * queries_at_once + r;
      copy_4(shared_address(to), arrays.lse + at, r < count);
      if constexpr (!whole) copy_4(shared_address(to + queries_at_once), arrays.deltas + at, r < count);
    }
  };

  copy_keys<dim, tile_rows>(keys, key_rows(problem, span, kv_head), first);
  copy_keys<dim, tile_rows>(values, value_rows(problem, span, kv_head), first);
  queue(0);

  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int key = first + 16 * warp;  // the warp's first
  bf16* const own_keys = keys + 16 * warp * pitch<dim>;
  bf16* const own_values = values + 16 * warp * pitch<dim>;
  bf16* const own_gradients = gradients + 16 * warp * Memory::gradient_pitch;
  const float to_log2 = problem.scale * log2_e;
  float dk[dim / 8][4], dv[dim / 8][4];
  clear(dk);
  clear(dv);
  for (int step = 0; step < steps; ++step) {
    wait_for_copies();
    __syncthreads();  // the stage is there, and nobody reads the one before any more
    bf16* const queries = shared + Memory::stages_at + step % 2 * Memory::stage;
    const bf16* const out_gradients = queries + Memory::tile;
    const float* const lse = numbers + step % 2 * 2 * queries_at_once;
    const float* const deltas = lse + queries_at_once;
    if (step + 1 < steps) queue(step + 1);
    const int query = query_of(step);
    // Row r (a key) is seen from column r − reach (a query) on.
    const int reach = query + span.prefix - key;
    const bool seen = key < span.keys() && reach + queries_at_once - 1 >= 0;
    if constexpr (whole) {
      stage_deltas<dim>(out_gradients, queries + 2 * Memory::tile,
                        numbers + (step % 2 * 2 + 1) * queries_at_once);
      __syncthreads();
    }
    if (seen) {
      float p[queries_at_once / 8][4], ds[queries_at_once / 8][4];
      row_products<dim>(p, down_address<pitch<dim>>(own_keys), across_address<pitch<dim>>(queries));
      row_products<dim>(ds, down_address<pitch<dim>>(own_values), across_address<pitch<dim>>(out_gradients));
      const int last = reach + lane % 4 * 2 - lane / 4;
#pragma unroll
      for (int n = 0; n < queries_at_once / 8; ++n) {
        const float2 lse_pair = *reinterpret_cast<const float2*>(lse + n * 8 + lane % 4 * 2);
        const float2 delta_pair = *reinterpret_cast<const float2*>(deltas + n * 8 + lane % 4 * 2);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const float log_sum = (e % 2 == 0 ? lse_pair.x : lse_pair.y) * log2_e;
          const float delta = e % 2 == 0 ? delta_pair.x : delta_pair.y;
          const float weight = exp2_fast(p[n][e] * to_log2 - log_sum);
          p[n][e] = e / 2 * 8 > last + n * 8 + e % 2 ? 0.0F : weight;
          ds[n][e] = p[n][e] * (ds[n][e] - delta);
        }
      }
      if (reach + queries_at_once > problem.window) {
        mask_right(p, problem.window - reach - 1, 0.0F);
        mask_right(ds, problem.window - reach - 1, 0.0F);
      }
      Fragment operand[queries_at_once / 16];
      narrow_operand(p, operand);
      column_products<dim>(dv, operand, down_address<pitch<dim>>(out_gradients));
      narrow_operand(ds, operand);
      column_products<dim>(dk, operand, down_address<pitch<dim>>(queries));
      if constexpr (whole) stage_rows<Memory::gradient_pitch>(own_gradients, ds, 1.0F, 1.0F);
    }
    if constexpr (whole) {
      if (!seen) {
        float zeros[queries_at_once / 8][4];
        clear(zeros);
        stage_rows<Memory::gradient_pitch>(own_gradients, zeros, 1.0F, 1.0F);
      }
      __syncthreads();  // all of dS is there, and Q is free for the rows of dQ
      const std::uint32_t head = head_of(step);
      query_gradients<dim, queries_at_once>(
          gradients, keys, queries, problem.scale,
          arrays.d_qkv + (span.row + static_cast<std::size_t>(query)) * qkv_width + head * dim, qkv_width,
          span.length - query);
    }
  }
  if constexpr (whole) __syncthreads();  // dQ reads keys of all warps
  if (key >= span.keys()) return;

  const std::size_t prefix_size = std::size_t{problem.prefix.length} * problem.kv_width();
  if (key < span.prefix && arrays.partials.data != nullptr) {
    const std::size_t column = std::size_t{kv_head} * dim;
    store_partials<dim>(dk, problem.scale, arrays.partials.keys(prefix_size, span.partial) + column,
                        problem.kv_width(), key, span.prefix);
    store_partials<dim>(dv, 1.0F, arrays.partials.values(prefix_size, span.partial) + column,
                        problem.kv_width(), key, span.prefix);
  }
  stage_rows<pitch<dim>>(own_keys, dk, problem.scale, problem.scale);
  stage_rows<pitch<dim>>(own_values, dv, 1.0F, 1.0F);
  const auto width = static_cast<std::ptrdiff_t>(qkv_width);
  bf16* const to = arrays.d_qkv + span.row * qkv_width + (key - span.prefix) * width;
  const int from = span.prefix - key, count = span.keys() - key;
  store_rows<pitch<dim>, dim>(own_keys, to + problem.key_column(kv_head), width, from, count);
  store_rows<pitch<dim>, dim>(own_values, to + problem.value_column(kv_head), width, from, count);
}

template <int dim, bool whole>
void launch_key_kernel(cudaStream_t stream, const AttentionProblem<bf16>& problem, std::uint32_t most_keys,
                       const BackwardArrays& arrays) {
  constexpr int bytes = KeyMemory<dim, whole>::bytes;
  static_assert(bytes <= 99 * 1024);  // what every card since sm_80 has
  allow_shared(attention_key_kernel<dim, whole>, bytes);
  const dim3 grid(problem.shape.kv_heads, (most_keys + tile_rows - 1) / tile_rows,
                  spans(problem.rows, problem.sequences));
  attention_key_kernel<dim, whole><<<grid, attention_threads, bytes, stream>>>(problem, arrays);
  launched("attention_backward (keys)");
}

template <int dim>
void launch_backward(cudaStream_t stream, const AttentionProblem<bf16>& problem, std::uint32_t longest,
                     const BackwardArrays& arrays) {
  const std::uint32_t most_keys = longest + problem.prefix.length;
  if (most_keys <= tile_rows) return launch_key_kernel<dim, true>(stream, problem, most_keys, arrays);
  constexpr int bytes = query_entries<dim> * static_cast<int>(sizeof(bf16));
  static_assert(bytes <= 99 * 1024);
  allow_shared(attention_query_kernel<dim>, bytes);
  const dim3 grid(problem.shape.heads, (longest + tile_rows - 1) / tile_rows,
                  spans(problem.rows, problem.sequences));
  attention_query_kernel<dim><<<grid, attention_threads, bytes, stream>>>(problem, arrays);
  launched("attention_backward (queries)");
  launch_key_kernel<dim, false>(stream, problem, most_keys, arrays);
}

}  // namespace zofo::tensor::cuda::detail
