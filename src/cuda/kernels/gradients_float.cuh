/// @file Gradients of factors in fp32 on the general cores: slices of the rows are summed by different
/// blocks, then added in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/gradient_plan.cuh"

namespace zofo::tensor::cuda::detail {

/// The plan of sums in fp32 on the general cores: about eight small blocks for each multiprocessor.
inline GradientPlan float_plan(const Rows& rows, const LowRankProjections& projections,
                               std::uint32_t adapters) {
  return {rows, projections, adapters, {GradientPlan::block_columns, GradientPlan::ranks, 32, 8 * 132}};
}

/// The rows of an adapter among as many neighbouring rows as a block has threads, and their weights.
struct AdapterRows {
  std::uint32_t row[GradientPlan::threads];
  float4 weight[GradientPlan::threads][GradientPlan::ranks / 4];
  std::uint32_t of_warp[GradientPlan::threads / 32];

  /// Takes up the rows first … end − 1 whose adapter is `wanted`, in their order; returns how many. `ranks`
  /// of the weights exist. Weights beyond the last row are 0.
  __device__ std::uint32_t collect(const Rows& rows, const std::int32_t* adapter, std::int32_t wanted,
                                   std::uint32_t first, std::uint32_t end, const float* weights,
                                   std::uint32_t stride, std::uint32_t ranks) {
    const std::uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, candidate = first + threadIdx.x;
    const bool mine = candidate < end && adapter[candidate % rows.tokens] == wanted;
    const std::uint32_t found = __ballot_sync(0xFFFFFFFFU, mine);
    if (lane == 0) of_warp[warp] = static_cast<std::uint32_t>(__popc(found));
    __syncthreads();
    std::uint32_t place = static_cast<std::uint32_t>(__popc(found & ((1U << lane) - 1U))), total = 0;
#pragma unroll
    for (std::uint32_t w = 0; w < GradientPlan::threads / 32; ++w) {
      if (w < warp) place += of_warp[w];
      total += of_warp[w];
    }
    if (mine) {
      float value[GradientPlan::ranks];
#pragma unroll
      for (std::uint32_t l = 0; l < GradientPlan::ranks; ++l)
        value[l] = l < ranks ? weights[std::size_t{candidate} * stride + l] : 0.0F;
      row[place] = candidate;
#pragma unroll
      for (int l = 0; l < static_cast<int>(GradientPlan::ranks); l += 4)
        weight[place][l / 4] = {value[l], value[l + 1], value[l + 2], value[l + 3]};
    }
    if (threadIdx.x >= total)
#pragma unroll
      for (std::uint32_t l = 0; l < GradientPlan::ranks / 4; ++l)
        weight[threadIdx.x][l] = {0.0F, 0.0F, 0.0F, 0.0F};
    __syncthreads();
    return total;
  }
};

/// sum[l][·] += weight l of the row · four values of it.
__device__ inline void add_outer(float4 values, const float4 (&weight)[GradientPlan::ranks / 4],
                                 float (&sum)[GradientPlan::ranks][GradientPlan::columns]) {
#pragma unroll
  for (int l = 0; l < static_cast<int>(GradientPlan::ranks); ++l) {
    const float4 four = weight[l / 4];
    const float w = l % 4 == 0 ? four.x : l % 4 == 1 ? four.y : l % 4 == 2 ? four.z : four.w;
    sum[l][0] = fmaf(w, values.x, sum[l][0]);
    sum[l][1] = fmaf(w, values.y, sum[l][1]);
    sum[l][2] = fmaf(w, values.z, sum[l][2]);
    sum[l][3] = fmaf(w, values.w, sum[l][3]);
  }
}

/// Grid: the plan's blocks, slices of rows, adapters.
template <class T>
__global__ void __launch_bounds__(GradientPlan::threads)
    slice_gradients_kernel(Rows rows, const __grid_constant__ LowRankProjections projections,
                           const __grid_constant__ GradientPlan plan, const std::int32_t* adapter,
                           GradientSources<T> from, float* workspace) {
  __shared__ AdapterRows chosen;
  std::uint32_t f = plan.count - 1;
  while (blockIdx.x < plan.sum[f].first_block) --f;
  const FactorSum& factor = plan.sum[f];
  const LowRankProjection& projection = projections.projection[factor.projection];
  const std::uint32_t across =
      (factor.columns + GradientPlan::block_columns - 1) / GradientPlan::block_columns;
  const std::uint32_t block = blockIdx.x - factor.first_block;
  const std::uint32_t rank_at = block / across * GradientPlan::ranks;
  const std::uint32_t column =
      block % across * GradientPlan::block_columns + threadIdx.x * GradientPlan::columns;
  const std::uint32_t ranks = min(projection.rank - rank_at, GradientPlan::ranks);
  const float* const weights = (factor.of_b ? from.t : from.dt) + projection.t_at + rank_at;
  const std::uint32_t stride = factor.of_b ? from.dy_stride : projection.in;
  const T* const values = (factor.of_b ? from.dy + projection.y_at : from.x) + column;
  const bool active = column < factor.columns;

  float sum[GradientPlan::ranks][GradientPlan::columns] = {};
  const std::uint32_t begin = blockIdx.y * plan.slice_rows;
  const std::uint32_t end = min(begin + plan.slice_rows, rows.tokens * rows.probes);
  for (std::uint32_t first = begin; first < end; first += GradientPlan::threads) {
    const std::uint32_t total = chosen.collect(rows, adapter, static_cast<std::int32_t>(blockIdx.z), first,
                                               end, weights, projections.t_width, ranks);
    constexpr std::uint32_t together = 8;
    for (std::uint32_t j = 0; active && j < total; j += together) {
      float4 four[together] = {};
#pragma unroll
      for (std::uint32_t u = 0; u < together; ++u)
        if (j + u < total)
          four[u] = *reinterpret_cast<const float4*>(values + std::size_t{chosen.row[j + u]} * stride);
#pragma unroll
      for (std::uint32_t u = 0; u < together; ++u) add_outer(four[u], chosen.weight[j + u], sum);
    }
    __syncthreads();
  }

  if (!active) return;
  float* const to = workspace + (std::size_t{blockIdx.y} * gridDim.z + blockIdx.z) * plan.entries +
                    factor.at + std::size_t{rank_at} * factor.columns + column;
#pragma unroll
  for (std::uint32_t l = 0; l < GradientPlan::ranks; ++l)
    if (l < ranks)
      *reinterpret_cast<float4*>(to + std::size_t{l} * factor.columns) =
          float4{sum[l][0], sum[l][1], sum[l][2], sum[l][3]};
}

/// Grid: entries of a partial sum, four a thread; adapters. Adds the slices in order.
template <int threads>
__global__ void __launch_bounds__(threads)
    add_slices_kernel(const __grid_constant__ LowRankProjections projections,
                      const __grid_constant__ GradientPlan plan,
                      const __grid_constant__ GradientTargets targets, const float* workspace) {
  const std::size_t entry = 4 * (std::size_t{blockIdx.x} * threads + threadIdx.x);
  if (entry >= plan.entries) return;
  float4 total{0.0F, 0.0F, 0.0F, 0.0F};
  const float* from = workspace + blockIdx.y * plan.entries + entry;
  const std::size_t step = gridDim.y * plan.entries;
#pragma unroll 8
  for (std::uint32_t s = 0; s < plan.slices; ++s, from += step) {
    const float4 part = *reinterpret_cast<const float4*>(from);
    total.x += part.x;
    total.y += part.y;
    total.z += part.z;
    total.w += part.w;
  }
  std::uint32_t f = plan.count - 1;
  while (entry < plan.sum[f].at) --f;
  const FactorSum& factor = plan.sum[f];
  const LowRankProjection& projection = projections.projection[factor.projection];
  const LowRankGradient& to = targets.of_projection[factor.projection];
  const std::size_t inside = entry - factor.at;
  const std::size_t rank = inside / factor.columns, column = inside % factor.columns;
  if (!factor.of_b) {
    float* const a = to.a + blockIdx.y * to.stride + inside;
    a[0] = total.x;
    a[1] = total.y;
    a[2] = total.z;
    a[3] = total.w;
  } else {
    const float scale =
        projection.scales != nullptr ? projection.scale * projection.scales[blockIdx.y] : projection.scale;
    float* const b = to.b + blockIdx.y * to.stride + column * projection.rank + rank;
    b[0] = scale * total.x;
    b[projection.rank] = scale * total.y;
    b[2 * std::size_t{projection.rank}] = scale * total.z;
    b[3 * std::size_t{projection.rank}] = scale * total.w;
  }
}

}  // namespace zofo::tensor::cuda::detail
