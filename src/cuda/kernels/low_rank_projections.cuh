/// @file Which columns of which factors a block multiplies with: runs of projections, their columns, and the
/// adapter or probe of a row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda::detail {

/// Neighbouring projections that read the same columns of x, so that one pass over them suffices.
struct ProjectionRun {
  std::uint32_t first = 0, count = 0;  ///< projections
  std::uint32_t columns = 0;           ///< of the result: their ranks' sum
  std::uint32_t first_chunk = 0;       ///< of columns that blocks take at once
};
struct ProjectionRuns {
  ProjectionRun run[LowRankProjections::most];
  std::uint32_t count = 0;

  explicit ProjectionRuns(const LowRankProjections& projections) {
    for (std::uint32_t s = 0; s < projections.count; ++s) {
      const LowRankProjection& projection = projections.projection[s];
      const bool same = count > 0 && projections.projection[s - 1].y_at == projection.y_at &&
                        projections.projection[s - 1].out == projection.out;
      if (!same) run[count++].first = s;
      ++run[count - 1].count;
      run[count - 1].columns += projection.rank;
    }
  }
  /// Deals the columns out in chunks; returns how many there are.
  std::uint32_t deal(std::uint32_t chunk_columns) {
    std::uint32_t chunks = 0;
    for (std::uint32_t r = 0; r < count; ++r) {
      run[r].first_chunk = chunks;
      chunks += (run[r].columns + chunk_columns - 1) / chunk_columns;
    }
    return chunks;
  }
};

/// Column `rank` of a projection; `projection` LowRankProjections::most: there is no such column.
struct ProjectionColumn {
  std::uint32_t projection = LowRankProjections::most;
  std::uint32_t rank = 0;
};
__device__ inline ProjectionColumn projection_column(const LowRankProjections& projections,
                                                     const ProjectionRun& run, std::uint32_t column) {
  for (std::uint32_t s = run.first; s < run.first + run.count; ++s) {
    if (column < projections.projection[s].rank) return {s, column};
    column -= projections.projection[s].rank;
  }
  return {};
}

/// What decides which factors a row is multiplied with.
struct RowKey {
  std::int32_t adapter, probe;
  __device__ bool operator==(const RowKey& other) const {
    return adapter == other.adapter && probe == other.probe;
  }
  __device__ std::int32_t index(const LowRankProjection& projection) const {
    return projection.by_probe ? probe : adapter;
  }
};
__device__ inline RowKey row_key(const Rows& rows, const std::int32_t* adapter, std::uint32_t row) {
  const std::uint32_t probe = row / rows.tokens;
  return {adapter != nullptr ? adapter[row - probe * rows.tokens] : -1, static_cast<std::int32_t>(probe)};
}

/// Column `column.rank` of B at a key, null where there is none: its entries are b_row apart.
__device__ inline const float* factor_column(const LowRankProjections& projections,
                                             const ProjectionColumn& column, const RowKey& key) {
  if (column.projection == LowRankProjections::most) return nullptr;
  const LowRankProjection& projection = projections.projection[column.projection];
  const std::int32_t index = key.index(projection);
  if (index < 0) return nullptr;
  return projection.b + static_cast<std::size_t>(index) * projection.stride +
         std::size_t{column.rank} * projection.b_col;
}

/// True if rows of this key have a product at a projection of the run.
__device__ inline bool has_product(const LowRankProjections& projections, const ProjectionRun& run,
                                   const RowKey& key) {
  for (std::uint32_t s = run.first; s < run.first + run.count; ++s)
    if (key.index(projections.projection[s]) >= 0) return true;
  return false;
}

/// scale·sum of a column; exactly 0 where it has no factor.
__device__ inline float scaled(const LowRankProjection& projection, const RowKey& key, float sum) {
  const std::int32_t index = key.index(projection);
  if (index < 0) return 0.0F;
  return sum *
         (projection.scales != nullptr ? projection.scale * projection.scales[index] : projection.scale);
}

/// count neighbouring entries of a column of B from entry k on. dense: they are contiguous, 16-byte
/// aligned.
template <bool dense, int count>
__device__ inline void load_factor(const float* column, std::uint32_t b_row, std::uint32_t k, bool inside,
                                   float (&value)[count]) {
  inside = inside && column != nullptr;
  if constexpr (dense) {
#pragma unroll
    for (int i = 0; i < count; i += 4) {
      float4 quad{0.0F, 0.0F, 0.0F, 0.0F};
      if (inside) quad = __ldg(reinterpret_cast<const float4*>(column + k + i));
      value[i] = quad.x;
      value[i + 1] = quad.y;
      value[i + 2] = quad.z;
      value[i + 3] = quad.w;
    }
  } else {
#pragma unroll
    for (std::uint32_t i = 0; i < count; ++i)
      value[i] = inside ? __ldg(column + std::size_t{k + i} * b_row) : 0.0F;
  }
}

}  // namespace zofo::tensor::cuda::detail
