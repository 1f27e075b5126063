/// @file Gradients of factors on the tensor cores.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/gradient_plan.cuh"
#include "cuda/kernels/tensor_tile.cuh"

namespace zofo::tensor::cuda::detail {

/// Shape of a block of the tensor-core kernel: its warps share the columns and split the rows.
struct GradientTile {
  static constexpr std::uint32_t warps = 16, columns = 64, ranks = 16;
  static constexpr std::uint32_t sets = 2;  ///< of 16 rows, read at once by a warp
  static constexpr std::uint32_t rows = 16 * sets * warps;
  static constexpr std::uint32_t padded = columns + 4;  ///< so that lanes meet different banks
  float partial[warps][8][padded];                      ///< of eight ranks
};

/// Few and large slices: one, if it occupies a large GPU, saves adding them.
inline GradientPlan tensor_plan(const Rows& rows, const LowRankProjections& projections,
                                std::uint32_t adapters) {
  return {rows, projections, adapters, {GradientTile::columns, GradientTile::ranks, GradientTile::rows, 132}};
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
    tensor_gradients_kernel(Rows rows, const __grid_constant__ LowRankProjections projections,
                            const __grid_constant__ GradientPlan plan,
                            const __grid_constant__ GradientTargets targets, const std::int32_t* adapter,
                            GradientSources<T> from, float* workspace) {
  using Tile = GradientTile;
  __shared__ Tile shared;
  const std::uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, q = lane % 4;
  std::uint32_t f = plan.count - 1;
  while (blockIdx.x < plan.sum[f].first_block) --f;
  const FactorSum& factor = plan.sum[f];
  const LowRankProjection& projection = projections.projection[factor.projection];
  const std::uint32_t across = (factor.columns + Tile::columns - 1) / Tile::columns;
  const std::uint32_t block = blockIdx.x - factor.first_block;
  const std::uint32_t rank_at = block / across * Tile::ranks, column_at = block % across * Tile::columns;
  const std::uint32_t ranks = min(projection.rank - rank_at, Tile::ranks), column = column_at + 8 * g;
  const GradientColumns columns{(factor.of_b ? from.dy + projection.y_at : from.x) + column,
                                factor.of_b ? from.dy_stride : projection.in,
                                column < factor.columns,
                                (factor.of_b ? from.t : from.dt) + projection.t_at + rank_at + g,
                                projections.t_width,
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

  const LowRankGradient& to = targets.of_projection[factor.projection];
  const float scale =
      projection.scales != nullptr ? projection.scale * projection.scales[blockIdx.z] : projection.scale;
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
      to.b[blockIdx.z * to.stride + at * projection.rank + rank] = scale * total;
    else
      to.a[blockIdx.z * to.stride + rank * factor.columns + at] = total;
  }
}

}  // namespace zofo::tensor::cuda::detail
