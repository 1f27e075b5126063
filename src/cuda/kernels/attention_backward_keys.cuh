/// @file Attention backward for a block of keys: dK and dV, and dQ of short sequences (see
/// attention_backward.cuh).
#pragma once

#include "cuda/kernels/attention_backward_arrays.cuh"
#include "cuda/kernels/attention_tile.cuh"

namespace zofo::tensor::cuda::detail {

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
    __syncthreads();  // the stage is loaded, and no thread still reads the previous one
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

}  // namespace zofo::tensor::cuda::detail
