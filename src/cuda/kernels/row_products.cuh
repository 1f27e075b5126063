/// @file Low-rank products added to rows that are in registers: a thread owns a few columns of several rows,
/// so that what it reads of a factor is used for all of them.
#pragma once

#include "cuda/kernels/row_pack.cuh"

namespace zofo::tensor::cuda::detail {

/// Consecutive rows: each one's probe and adapter, −1 where there is none or no such row.
template <int rows>
struct RowGroup {
  std::uint32_t first;
  std::uint32_t count;  ///< rows that exist, 1 … rows
  std::int32_t probe[rows];
  std::int32_t adapter[rows];
};

/// The rows from `first` (which exists) on; `adapter` may be null.
template <int rows>
__device__ inline RowGroup<rows> row_group(const Rows& all, const std::int32_t* adapter,
                                           std::uint32_t first) {
  const std::uint32_t total = all.tokens * all.probes;
  RowGroup<rows> group;
  group.first = first;
  group.count = min(total - first, static_cast<std::uint32_t>(rows));
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const std::uint32_t row = first + static_cast<std::uint32_t>(r);
    const std::uint32_t probe = row / all.tokens;
    group.probe[r] = row < total ? static_cast<std::int32_t>(probe) : -1;
    group.adapter[r] = row < total && adapter != nullptr ? adapter[row - probe * all.tokens] : -1;
  }
  return group;
}

/// A piece of one factor in registers: `columns` columns of the row by `ranks` of the rank, 0 where the
/// factor has no entry. Remembers what it holds, so that the next rows need not read it again.
template <int columns, int ranks>
struct FactorTile {
  static_assert(columns % 4 == 0 && ranks % 4 == 0);
  float value[columns][ranks];
  std::uint32_t projection = LowRankProjections::most;
  std::uint32_t rank_at = 0;
  std::int32_t index = -1;

  __device__ void hold(const LowRankProjections& projections, std::uint32_t s, std::int32_t i,
                       std::uint32_t column, std::uint32_t at) {
    if (projection == s && index == i && rank_at == at) return;
    projection = s;
    index = i;
    rank_at = at;
    load(projections.projection[s], column);
  }

 private:
  __device__ void load(const LowRankProjection& from, std::uint32_t column) {
    const float* const b = from.b + static_cast<std::size_t>(index) * from.stride;
    const bool inside = column >= from.y_at && column + columns <= from.y_at + from.out;
    const std::uint32_t row = column - from.y_at;
    if (inside && from.b_col == 1 && (from.b_row | from.rank) % 4 == 0 && holds_quads(b))
      load_along_rank(b + std::size_t{row} * from.b_row + rank_at, from);
    else if (inside && from.b_row == 1 && (from.b_col | row) % 4 == 0 && holds_quads(b))
      load_along_columns(b + std::size_t{rank_at} * from.b_col + row, from);
    else
      load_each(b, from, column);
  }

  __device__ void load_along_rank(const float* at, const LowRankProjection& from) {
#pragma unroll
    for (std::uint32_t c = 0; c < columns; ++c)
#pragma unroll
      for (std::uint32_t q = 0; q < ranks; q += 4) {
        const float4 quad = rank_at + q < from.rank
                                ? *reinterpret_cast<const float4*>(at + std::size_t{from.b_row} * c + q)
                                : float4{0.0F, 0.0F, 0.0F, 0.0F};
        value[c][q] = quad.x;
        value[c][q + 1] = quad.y;
        value[c][q + 2] = quad.z;
        value[c][q + 3] = quad.w;
      }
  }

  __device__ void load_along_columns(const float* at, const LowRankProjection& from) {
#pragma unroll
    for (std::uint32_t l = 0; l < ranks; ++l)
#pragma unroll
      for (std::uint32_t q = 0; q < columns; q += 4) {
        const float4 quad = rank_at + l < from.rank
                                ? *reinterpret_cast<const float4*>(at + std::size_t{from.b_col} * l + q)
                                : float4{0.0F, 0.0F, 0.0F, 0.0F};
        value[q][l] = quad.x;
        value[q + 1][l] = quad.y;
        value[q + 2][l] = quad.z;
        value[q + 3][l] = quad.w;
      }
  }

  // Odd ranks, and columns of which only some belong to the projection.
  __device__ void load_each(const float* b, const LowRankProjection& from, std::uint32_t column) {
#pragma unroll
    for (std::uint32_t c = 0; c < columns; ++c) {
      const std::uint32_t row = column + c - from.y_at;  // wraps to a large number left of the projection
#pragma unroll
      for (std::uint32_t l = 0; l < ranks; ++l)
        value[c][l] = row < from.out && rank_at + l < from.rank
                          ? b[std::size_t{row} * from.b_row + std::size_t{rank_at + l} * from.b_col]
                          : 0.0F;
    }
  }
};

/// value = scale·t of `left` ranks from `from` on, 0 beyond them.
template <int ranks>
__device__ inline void load_coefficients(const float* from, bool quads, std::uint32_t left, float scale,
                                         float (&value)[ranks]) {
#pragma unroll
  for (std::uint32_t q = 0; q < ranks; q += 4) {
    float4 quad{0.0F, 0.0F, 0.0F, 0.0F};
    if (q < left && quads) {
      quad = *reinterpret_cast<const float4*>(from + q);
    } else if (q < left) {
      quad.x = from[q];
      if (q + 1 < left) quad.y = from[q + 1];
      if (q + 2 < left) quad.z = from[q + 2];
      if (q + 3 < left) quad.w = from[q + 3];
    }
    value[q] = scale * quad.x;
    value[q + 1] = scale * quad.y;
    value[q + 2] = scale * quad.z;
    value[q + 3] = scale * quad.w;
  }
}

/// Whether any projection adds to columns column … column + columns − 1.
__device__ inline bool reaches(const LowRankProjection& projection, std::uint32_t column,
                               std::uint32_t columns) {
  return column + columns > projection.y_at && column < projection.y_at + projection.out;
}

/// The largest index below `below`, −1 if there is none: names each index of a group once.
template <int rows>
__device__ inline std::int32_t next_index(const std::int32_t (&index)[rows], std::int32_t below) {
  std::int32_t next = -1;
#pragma unroll
  for (int r = 0; r < rows; ++r)
    if (index[r] < below) next = max(next, index[r]);
  return next;
}

/// sum[r][c] += Σ over projections of scale·t B at (row r of the group, column + c).
template <int rows, int columns, int ranks>
__device__ inline void add_products(const LowRankProjections& projections, const RowGroup<rows>& group,
                                    const float* t, std::uint32_t column, FactorTile<columns, ranks>& tile,
                                    float (&sum)[rows][columns]) {
  for (std::uint32_t s = 0; s < projections.count; ++s) {
    const LowRankProjection& projection = projections.projection[s];
    if (!reaches(projection, column, columns)) continue;
    std::int32_t index[rows];
#pragma unroll
    for (int r = 0; r < rows; ++r) index[r] = projection.by_probe ? group.probe[r] : group.adapter[r];
    const bool quads = (projections.t_width | projection.t_at | projection.rank) % 4 == 0 && holds_quads(t);
    const float* const from = t + std::size_t{group.first} * projections.t_width + projection.t_at;
    constexpr std::int32_t above_all = 0x7FFFFFFF;
    for (std::int32_t i = next_index(index, above_all); i >= 0; i = next_index(index, i)) {
      const float scale =
          projection.scales != nullptr ? projection.scale * projection.scales[i] : projection.scale;
      for (std::uint32_t rank_at = 0; rank_at < projection.rank; rank_at += ranks) {
        tile.hold(projections, s, i, column, rank_at);
        // All loads before all sums, so that they wait together. A row of another index has `left` 0: its
        // numbers do not reach this product.
        float coefficient[rows][ranks];
#pragma unroll
        for (int r = 0; r < rows; ++r)
          load_coefficients(from + std::size_t{projections.t_width} * r + rank_at, quads,
                            index[r] == i ? projection.rank - rank_at : 0, scale, coefficient[r]);
#pragma unroll
        for (int l = 0; l < ranks; ++l)
#pragma unroll
          for (int r = 0; r < rows; ++r)
#pragma unroll
            for (int c = 0; c < columns; ++c)
              sum[r][c] = fmaf(coefficient[r][l], tile.value[c][l], sum[r][c]);
      }
    }
  }
}

/// The projections as their inputs' gradients need them: what is added is Σ dt A, columns are those of x.
inline LowRankProjections turned_to_input(LowRankProjections projections) {
  for (std::uint32_t s = 0; s < projections.count; ++s) {
    LowRankProjection& projection = projections.projection[s];
    projection.b = projection.a;
    projection.b_row = 1;
    projection.b_col = projection.in;
    projection.out = projection.in;
    projection.y_at = 0;
    projection.scale = 1.0F;  // dt has it already
    projection.scales = nullptr;
  }
  return projections;
}

/// Ranks that a tile should hold for these projections: 4 or 8.
inline int tile_ranks(const LowRankProjections& projections) {
  int ranks = 4;
  for (std::uint32_t s = 0; s < projections.count; ++s)
    if (projections.projection[s].rank > 4) ranks = 8;
  return ranks;
}

/// How kernels that own columns walk over rows: blocks of this many threads, four columns a thread, groups of
/// four rows, as many groups a block as still leave blocks for every multiprocessor of a large GPU.
struct ColumnWalk {
  static constexpr int columns = 4;
  static constexpr int rows = 4;
  static constexpr unsigned threads = 128;
  static constexpr unsigned resident = 3;  ///< blocks a multiprocessor, which leaves 168 registers a thread
  unsigned groups;
  dim3 grid;

  ColumnWalk(std::size_t row_count, std::uint32_t width) : groups(1) {
    const unsigned across = blocks_of(width, std::size_t{threads} * columns);
    const std::size_t enough = 600;
    while (groups < 8 && blocks_of(row_count, std::size_t{rows} * groups * 2) * std::size_t{across} >= enough)
      groups *= 2;
    grid = dim3(blocks_of(row_count, std::size_t{rows} * groups), across);
  }
};

}  // namespace zofo::tensor::cuda::detail
