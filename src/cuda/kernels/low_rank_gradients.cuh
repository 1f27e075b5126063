/// @file Gradients of adapters' factors: for a few columns of weights s and a wide matrix x, Σ_rows s[row]ᵀ
/// x[row] over the rows of one adapter. Slices of the rows are summed by different blocks, then added in
/// order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/kernels/low_rank_dots.cuh"
#include "zofo/tensor/cuda/kernels/low_rank.hpp"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// One factor's gradient: of A the sum of dt x, of B that of t dy. A partial sum holds it as [rank, columns].
struct FactorSum {
  std::uint32_t site = 0;
  bool of_b = false;
  std::uint32_t columns = 0;      ///< of x or of the site's share of dy
  std::uint32_t first_block = 0;  ///< of those that sum it
  std::size_t at = 0;             ///< in a partial sum
};

/// What a block takes.
struct GradientShape {
  std::uint32_t columns, ranks;
  std::uint32_t rows;  ///< at least, and a multiple of this
  std::size_t blocks;  ///< that a large card should get
};

/// How the sums are dealt out to blocks.
struct GradientPlan {
  static constexpr std::uint32_t threads = 64;  ///< of a block; as many rows are looked at together
  static constexpr std::uint32_t columns = 4;   ///< of a thread
  static constexpr std::uint32_t ranks = 8;     ///< of a thread
  static constexpr std::uint32_t block_columns = threads * columns;

  FactorSum sum[2 * LowRankSites::most];
  std::uint32_t count = 0;
  std::uint32_t blocks = 0;      ///< for one slice and one adapter
  std::size_t entries = 0;       ///< of a partial sum
  std::uint32_t slice_rows = 0;  ///< a multiple of the shape's
  std::uint32_t slices = 0;

  GradientPlan(const Rows& rows, const LowRankSites& sites, std::uint32_t adapters,
               const GradientShape& shape) {
    for (std::uint32_t s = 0; s < sites.count; ++s) {
      if (sites.site[s].by_probe) continue;
      add(s, sites.site[s], false, shape);
      add(s, sites.site[s], true, shape);
    }
    const std::size_t each = std::max<std::size_t>(std::size_t{blocks} * adapters, 1);
    const std::size_t most = std::max<std::size_t>(shape.blocks / each, 1);
    const std::size_t share = (rows.count() + most - 1) / most;
    slice_rows = static_cast<std::uint32_t>(
        std::max<std::size_t>((share + shape.rows - 1) / shape.rows * shape.rows, shape.rows));
    slices =
        static_cast<std::uint32_t>(std::max<std::size_t>((rows.count() + slice_rows - 1) / slice_rows, 1));
  }

  /// Floats of workspace.
  [[nodiscard]] std::size_t partial_sums(std::uint32_t adapters) const {
    return slices * std::size_t{adapters} * entries;
  }

 private:
  void add(std::uint32_t s, const LowRankSite& site, bool of_b, const GradientShape& shape) {
    FactorSum& f = sum[count++];
    f = {s, of_b, of_b ? site.out : site.in, blocks, entries};
    blocks += (f.columns + shape.columns - 1) / shape.columns * ((site.rank + shape.ranks - 1) / shape.ranks);
    entries += std::size_t{f.columns} * site.rank;
  }
};

/// The plan of sums in fp32 on the general cores: about eight small blocks for each multiprocessor.
inline GradientPlan float_plan(const Rows& rows, const LowRankSites& sites, std::uint32_t adapters) {
  return {rows, sites, adapters, {GradientPlan::block_columns, GradientPlan::ranks, 32, 8 * 132}};
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

/// The wide matrices and the weights of a call.
template <class T>
struct GradientSources {
  const T* x;
  const T* dy;
  std::uint32_t dy_stride;
  const float* t;
  const float* dt;
};

/// Grid: the plan's blocks, slices of rows, adapters.
template <class T>
__global__ void __launch_bounds__(GradientPlan::threads)
    slice_gradients_kernel(Rows rows, const __grid_constant__ LowRankSites sites,
                           const __grid_constant__ GradientPlan plan, const std::int32_t* adapter,
                           GradientSources<T> from, float* workspace) {
  __shared__ AdapterRows chosen;
  std::uint32_t f = plan.count - 1;
  while (blockIdx.x < plan.sum[f].first_block) --f;
  const FactorSum& factor = plan.sum[f];
  const LowRankSite& site = sites.site[factor.site];
  const std::uint32_t across =
      (factor.columns + GradientPlan::block_columns - 1) / GradientPlan::block_columns;
  const std::uint32_t block = blockIdx.x - factor.first_block;
  const std::uint32_t rank_at = block / across * GradientPlan::ranks;
  const std::uint32_t column =
      block % across * GradientPlan::block_columns + threadIdx.x * GradientPlan::columns;
  const std::uint32_t ranks = min(site.rank - rank_at, GradientPlan::ranks);
  const float* const weights = (factor.of_b ? from.t : from.dt) + site.t_at + rank_at;
  const std::uint32_t stride = factor.of_b ? from.dy_stride : site.in;
  const T* const values = (factor.of_b ? from.dy + site.y_at : from.x) + column;
  const bool active = column < factor.columns;

  float sum[GradientPlan::ranks][GradientPlan::columns] = {};
  const std::uint32_t begin = blockIdx.y * plan.slice_rows;
  const std::uint32_t end = min(begin + plan.slice_rows, rows.tokens * rows.probes);
  for (std::uint32_t first = begin; first < end; first += GradientPlan::threads) {
    const std::uint32_t total = chosen.collect(rows, adapter, static_cast<std::int32_t>(blockIdx.z), first,
                                               end, weights, sites.t_width, ranks);
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

/// Where the sums go.
struct GradientTargets {
  LowRankGradient of_site[LowRankSites::most];
};

/// Grid: entries of a partial sum, four a thread; adapters. Adds the slices in order.
template <int threads>
__global__ void __launch_bounds__(threads)
    add_slices_kernel(const __grid_constant__ LowRankSites sites, const __grid_constant__ GradientPlan plan,
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
  const LowRankSite& site = sites.site[factor.site];
  const LowRankGradient& to = targets.of_site[factor.site];
  const std::size_t inside = entry - factor.at;
  const std::size_t rank = inside / factor.columns, column = inside % factor.columns;
  if (!factor.of_b) {
    float* const a = to.a + blockIdx.y * to.stride + inside;
    a[0] = total.x;
    a[1] = total.y;
    a[2] = total.z;
    a[3] = total.w;
  } else {
    const float scale = site.scales != nullptr ? site.scale * site.scales[blockIdx.y] : site.scale;
    float* const b = to.b + blockIdx.y * to.stride + column * site.rank + rank;
    b[0] = scale * total.x;
    b[site.rank] = scale * total.y;
    b[2 * std::size_t{site.rank}] = scale * total.z;
    b[3 * std::size_t{site.rank}] = scale * total.w;
  }
}

/// Shape of a block of the tensor-core kernel: its warps share the columns and split the rows.
struct GradientTile {
  static constexpr std::uint32_t warps = 16, columns = 64, ranks = 16;
  static constexpr std::uint32_t sets = 2;  ///< of 16 rows, read at once by a warp
  static constexpr std::uint32_t rows = 16 * sets * warps;
  static constexpr std::uint32_t padded = columns + 4;  ///< so that lanes meet different banks
  float partial[warps][8][padded];                      ///< of eight ranks
};

/// Few and large slices: one, if it occupies a large card, saves adding them.
inline GradientPlan tensor_plan(const Rows& rows, const LowRankSites& sites, std::uint32_t adapters) {
  return {rows, sites, adapters, {GradientTile::columns, GradientTile::ranks, GradientTile::rows, 132}};
}

/// The columns that a lane of the tensor-core kernel reads: eight of a wide matrix, and the weights of ranks
/// g and g + 8.
struct GradientColumns {
  const bf16* values;
  std::uint32_t stride;
  bool inside;  ///< the eight columns exist
  const float* weights;
  std::uint32_t weights_stride;
  bool has_rank[2];
};

/// What a lane of the tensor-core kernel reads of 16 rows: eight columns and the weights of two ranks, of
/// four rows; zeros where a row is another adapter's.
struct GradientRows {
  uint4 values[4];
  float weight[2][4];

  /// Rows first … first + 3 before `end`; `only`: all rows with an adapter are of the wanted one.
  __device__ void load(const Rows& rows, const std::int32_t* adapter, std::int32_t wanted, bool only,
                       std::uint32_t first, std::uint32_t end, const GradientColumns& from) {
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t row = first + i;
      bool mine = row < end;
      const std::int32_t owner = mine ? adapter[row % rows.tokens] : -1;
      // With other adapters about, reading their rows would cost more than waiting for the owner does.
      if (!only) mine = owner == wanted;
      values[i] = uint4{0, 0, 0, 0};
      weight[0][i] = weight[1][i] = 0.0F;
      if (mine && from.inside)
        values[i] = *reinterpret_cast<const uint4*>(from.values + std::size_t{row} * from.stride);
#pragma unroll
      for (std::uint32_t l = 0; l < 2; ++l)
        if (mine && from.has_rank[l])
          weight[l][i] = from.weights[std::size_t{row} * from.weights_stride + 8 * l];
      if (owner == wanted) continue;
      values[i] = uint4{0, 0, 0, 0};
      weight[0][i] = weight[1][i] = 0.0F;
    }
  }

  /// sum[c][·] += weightsᵀ values for column c of each lane's eight.
  __device__ void add_to(float (&sum)[8][4]) const {
    SplitPair part[2][2];  // of ranks g and g + 8, the first and the last two rows
#pragma unroll
    for (int l = 0; l < 2; ++l)
#pragma unroll
      for (int k = 0; k < 2; ++k) part[l][k] = split(weight[l][2 * k], weight[l][2 * k + 1]);
#pragma unroll
    for (int c = 0; c < 8; ++c) {
      const std::uint32_t halves = c % 2 == 0 ? 0x5410U : 0x7632U;
      const std::uint32_t low = __byte_perm(word(0, c / 2), word(1, c / 2), halves);
      const std::uint32_t high = __byte_perm(word(2, c / 2), word(3, c / 2), halves);
#pragma unroll
      for (int p = 0; p < SplitPair::parts; ++p)
        multiply_tile(sum[c], part[0][0].part[p], part[1][0].part[p], part[0][1].part[p], part[1][1].part[p],
                      low, high);
    }
  }

 private:
  __device__ std::uint32_t word(int i, int w) const {
    const uint4& v = values[i];
    return w == 0 ? v.x : w == 1 ? v.y : w == 2 ? v.z : v.w;
  }
};

/// Grid: the plan's blocks, slices of rows, adapters. One slice goes straight to its target.
template <class T>
__global__ void __launch_bounds__(32 * GradientTile::warps)
    tensor_gradients_kernel(Rows rows, const __grid_constant__ LowRankSites sites,
                            const __grid_constant__ GradientPlan plan,
                            const __grid_constant__ GradientTargets targets, const std::int32_t* adapter,
                            GradientSources<T> from, float* workspace) {
  using Tile = GradientTile;
  __shared__ Tile shared;
  const std::uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, q = lane % 4;
  std::uint32_t f = plan.count - 1;
  while (blockIdx.x < plan.sum[f].first_block) --f;
  const FactorSum& factor = plan.sum[f];
  const LowRankSite& site = sites.site[factor.site];
  const std::uint32_t across = (factor.columns + Tile::columns - 1) / Tile::columns;
  const std::uint32_t block = blockIdx.x - factor.first_block;
  const std::uint32_t rank_at = block / across * Tile::ranks, column_at = block % across * Tile::columns;
  const std::uint32_t ranks = min(site.rank - rank_at, Tile::ranks), column = column_at + 8 * g;
  const GradientColumns columns{(factor.of_b ? from.dy + site.y_at : from.x) + column,
                                factor.of_b ? from.dy_stride : site.in,
                                column < factor.columns,
                                (factor.of_b ? from.t : from.dt) + site.t_at + rank_at + g,
                                sites.t_width,
                                {g < ranks, g + 8 < ranks}};

  float sum[8][4] = {};  // of ranks g and g + 8 at columns 16q + c and 16q + 8 + c
  const std::uint32_t begin = blockIdx.y * plan.slice_rows;
  const std::uint32_t end = min(begin + plan.slice_rows, rows.tokens * rows.probes);
  for (std::uint32_t first = begin + 16 * Tile::sets * warp; first < end; first += Tile::rows) {
    GradientRows read[Tile::sets];
#pragma unroll
    for (std::uint32_t s = 0; s < Tile::sets; ++s)
      read[s].load(rows, adapter, static_cast<std::int32_t>(blockIdx.z), gridDim.z == 1,
                   first + 16 * s + 4 * q, end, columns);
#pragma unroll
    for (std::uint32_t s = 0; s < Tile::sets; ++s) read[s].add_to(sum);
  }

  const LowRankGradient& to = targets.of_site[factor.site];
  const float scale = site.scales != nullptr ? site.scale * site.scales[blockIdx.z] : site.scale;
#pragma unroll
  for (std::uint32_t half = 0; half < 2; ++half) {
    if (8 * half >= ranks) break;
    if (half > 0) __syncthreads();
#pragma unroll
    for (std::uint32_t k = 0; k < 2; ++k)
#pragma unroll
      for (std::uint32_t c = 0; c < 8; c += 4)
        *reinterpret_cast<float4*>(&shared.partial[warp][g][16 * q + 8 * k + c]) =
            float4{sum[c][2 * half + k], sum[c + 1][2 * half + k], sum[c + 2][2 * half + k],
                   sum[c + 3][2 * half + k]};
    __syncthreads();
    // Neighbouring threads write neighbouring entries.
    const bool by_rank = factor.of_b && plan.slices == 1;
    const std::uint32_t l = by_rank ? threadIdx.x % 8 : threadIdx.x / Tile::columns;
    const std::uint32_t c = by_rank ? threadIdx.x / 8 : threadIdx.x % Tile::columns;
    float total = 0.0F;
#pragma unroll
    for (std::uint32_t w = 0; w < Tile::warps; ++w) total += shared.partial[w][l][c];
    const std::size_t rank = rank_at + 8 * half + l, at = column_at + c;
    if (8 * half + l >= ranks || at >= factor.columns) continue;
    if (plan.slices > 1)
      workspace[(std::size_t{blockIdx.y} * gridDim.z + blockIdx.z) * plan.entries + factor.at +
                rank * factor.columns + at] = total;
    else if (factor.of_b)
      to.b[blockIdx.z * to.stride + at * site.rank + rank] = scale * total;
    else
      to.a[blockIdx.z * to.stride + rank * factor.columns + at] = total;
  }
}

}  // namespace detail

inline std::size_t gradients_workspace(const Rows& rows, const LowRankSites& sites, std::uint32_t adapters) {
  return std::max(detail::float_plan(rows, sites, adapters).partial_sums(adapters),
                  detail::tensor_plan(rows, sites, adapters).partial_sums(adapters));
}

template <class T>
void low_rank_gradients(cudaStream_t stream, const LowRankGradients<T>& a) {
  constexpr bool tensor = std::is_same_v<T, bf16>;
  const detail::GradientPlan plan = tensor ? detail::tensor_plan(a.rows, a.sites, a.adapters)
                                           : detail::float_plan(a.rows, a.sites, a.adapters);
  if (a.adapters == 0 || plan.entries == 0) return;
  detail::GradientTargets targets;
  std::copy_n(a.gradient_of_site, a.sites.count, targets.of_site);
  const dim3 grid(plan.blocks, plan.slices, a.adapters);
  const detail::GradientSources<T> sources{a.x, a.dy, a.dy_stride, a.t, a.dt};
  if constexpr (tensor)
    detail::tensor_gradients_kernel<T><<<grid, 32 * detail::GradientTile::warps, 0, stream>>>(
        a.rows, a.sites, plan, targets, a.adapter, sources, a.workspace);
  else
    detail::slice_gradients_kernel<T><<<grid, detail::GradientPlan::threads, 0, stream>>>(
        a.rows, a.sites, plan, a.adapter, sources, a.workspace);
  launched("low_rank_gradients");
  if (tensor && plan.slices == 1) return;
  constexpr int threads = 128;
  const auto blocks = static_cast<unsigned>((plan.entries / 4 + threads - 1) / threads);
  detail::add_slices_kernel<threads>
      <<<dim3(blocks, a.adapters), threads, 0, stream>>>(a.sites, plan, targets, a.workspace);
  launched("low_rank_gradients: the slices' sum");
}

}  // namespace zofo::tensor::cuda
