/// @file Many rows times few columns: out[row, t_at … ] = scale·x[row, y_at … ] B_i for every projection of a
/// list, where B_i belongs to the row's adapter or probe. Both low_rank_in (with the projections turned) and
/// low_rank_back are this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/low_rank_projections.cuh"
#include "cuda/kernels/tensor_tile.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda::detail {

/// Shape of a block of the tensor-core kernel: its warps share the rows and split the inner dimension.
template <int row_tiles_, int column_tiles_, bool dense_>
struct DotTile {
  static constexpr bool dense = dense_;  ///< see load_factor
  static constexpr int row_tiles = row_tiles_, column_tiles = column_tiles_;
  static constexpr std::uint32_t rows = 16 * row_tiles, columns = 8 * column_tiles;
  static constexpr std::uint32_t warps = 8;
  static constexpr int resident =
      column_tiles <= (dense ? 3 : 2) ? 2 : 1;  ///< blocks a multiprocessor, for the registers
  static constexpr std::uint32_t steps = row_tiles == 1 ? 2 : 1;  ///< of 32 entries, read at once by a warp
  static_assert(rows <= 64, "a set of rows is a word of 64 bits");
};

/// The rows of x that a block reads.
struct DotRows {
  const bf16* x;  ///< the first row
  std::uint32_t stride;
  std::uint32_t width;  ///< columns to sum over
  std::uint32_t count;
};

/// sum += x B over this warp's share of the inner dimension. Which entries form a step of the tensor cores
/// does not matter as long as both operands agree: lane q of four takes 8 neighbours, so that its loads are
/// 16 bytes.
template <class Tile>
__device__ inline void warp_dots(const DotRows& rows, std::uint32_t warp, std::uint32_t lane,
                                 const float* const (&factor)[Tile::column_tiles],
                                 const std::uint32_t (&b_row)[Tile::column_tiles],
                                 float (&sum)[Tile::row_tiles][Tile::column_tiles][4]) {
  const std::uint32_t g = lane / 4, q = lane % 4, width = rows.width;
  for (std::uint32_t k = 32 * Tile::steps * warp; k < width; k += 32 * Tile::steps * Tile::warps) {
    uint4 low[Tile::steps][Tile::row_tiles], high[Tile::steps][Tile::row_tiles];
#pragma unroll
    for (std::uint32_t s = 0; s < Tile::steps; ++s)
#pragma unroll
      for (std::uint32_t m = 0; m < Tile::row_tiles; ++m) {
        const std::uint32_t at = k + 32 * s + 8 * q, row = 16 * m + g;
        const bf16* const from = rows.x + std::size_t{row} * rows.stride + at;
        low[s][m] = high[s][m] = uint4{0, 0, 0, 0};
        if (at < width && row < rows.count) low[s][m] = *reinterpret_cast<const uint4*>(from);
        if (at < width && row + 8 < rows.count)
          high[s][m] = *reinterpret_cast<const uint4*>(from + std::size_t{8} * rows.stride);
      }
#pragma unroll
    for (std::uint32_t s = 0; s < Tile::steps; ++s) {
      const std::uint32_t at = k + 32 * s + 8 * q;
#pragma unroll
      for (int n = 0; n < Tile::column_tiles; ++n) {
        float value[8];
        load_factor<Tile::dense>(factor[n], b_row[n], at, at < width, value);
        const SplitPair b0 = split(value[0], value[1]), b1 = split(value[2], value[3]);
        const SplitPair b2 = split(value[4], value[5]), b3 = split(value[6], value[7]);
#pragma unroll
        for (int m = 0; m < Tile::row_tiles; ++m)
#pragma unroll
          for (int p = 0; p < SplitPair::parts; ++p) {
            const uint4 &l = low[s][m], &h = high[s][m];
            multiply_tile(sum[m][n], l.x, h.x, l.y, h.y, b0.part[p], b1.part[p]);
            multiply_tile(sum[m][n], l.z, h.z, l.w, h.w, b2.part[p], b3.part[p]);
          }
      }
    }
  }
}

/// Rows of a block, as a set, whose key is `key`; every lane of a full warp gets it.
template <class Tile>
__device__ inline std::uint64_t rows_of_key(const RowKey (&keys)[Tile::rows], std::uint32_t lane,
                                            const RowKey& key) {
  std::uint64_t found = 0;
#pragma unroll
  for (std::uint32_t first = 0; first < Tile::rows; first += 32) {
    const bool same = first + lane < Tile::rows && keys[(first + lane) % Tile::rows] == key;
    found |= static_cast<std::uint64_t>(__ballot_sync(0xFFFFFFFFU, same)) << first;
  }
  return found;
}

/// Grid: chunks of columns by tiles of rows. A tile whose rows have several keys goes through the inner
/// dimension once for each of them.
template <class Tile>
__global__ void __launch_bounds__(32 * Tile::warps, Tile::resident)
    tensor_dots_kernel(Rows rows, const __grid_constant__ LowRankProjections projections,
                       const __grid_constant__ ProjectionRuns runs, const std::int32_t* adapter,
                       const bf16* x, std::uint32_t x_stride, float* t) {
  __shared__ RowKey keys[Tile::rows];
  __shared__ float partial[Tile::warps][16 * Tile::columns];
  const std::uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  std::uint32_t r = runs.count - 1;
  while (blockIdx.x < runs.run[r].first_chunk) --r;
  const ProjectionRun& run = runs.run[r];
  const std::uint32_t column_at = (blockIdx.x - run.first_chunk) * Tile::columns;
  const std::uint32_t row_at = blockIdx.y * Tile::rows;
  const std::uint32_t rows_left = min(rows.tokens * rows.probes - row_at, Tile::rows);
  const std::uint32_t width = projections.projection[run.first].out;
  x += std::size_t{row_at} * x_stride + projections.projection[run.first].y_at;

  if (threadIdx.x < Tile::rows)
    keys[threadIdx.x] =
        threadIdx.x < rows_left ? row_key(rows, adapter, row_at + threadIdx.x) : RowKey{-1, -1};
  __syncthreads();

  std::uint64_t left = ~std::uint64_t{0} >> (64 - rows_left);
  while (left != 0) {
    const RowKey key = keys[__ffsll(static_cast<long long>(left)) - 1];
    const std::uint64_t chosen = left & rows_of_key<Tile>(keys, lane, key);
    left &= ~chosen;
    float sum[Tile::row_tiles][Tile::column_tiles][4] = {};
    if (has_product(projections, run, key)) {
      const float* factor[Tile::column_tiles];
      std::uint32_t b_row[Tile::column_tiles];
#pragma unroll
      for (std::uint32_t n = 0; n < Tile::column_tiles; ++n) {
        const ProjectionColumn column = projection_column(projections, run, column_at + 8 * n + lane / 4);
        factor[n] = factor_column(projections, column, key);
        b_row[n] = factor[n] == nullptr ? 0 : projections.projection[column.projection].b_row;
      }
      warp_dots<Tile>({x, x_stride, width, rows_left}, warp, lane, factor, b_row, sum);
    }
#pragma unroll
    for (std::uint32_t m = 0; m < Tile::row_tiles; ++m) {
#pragma unroll
      for (std::uint32_t n = 0; n < Tile::column_tiles; ++n) {
        float* const to = partial[warp] + lane / 4 * Tile::columns + 8 * n + 2 * (lane % 4);
        *reinterpret_cast<float2*>(to) = float2{sum[m][n][0], sum[m][n][1]};
        *reinterpret_cast<float2*>(to + 8 * Tile::columns) = float2{sum[m][n][2], sum[m][n][3]};
      }
      __syncthreads();
      for (std::uint32_t i = threadIdx.x; i < 16 * Tile::columns; i += blockDim.x) {
        const std::uint32_t row = 16 * m + i / Tile::columns;
        const ProjectionColumn column = projection_column(projections, run, column_at + i % Tile::columns);
        if ((chosen >> row & 1U) == 0 || column.projection == LowRankProjections::most) continue;
        float total = 0.0F;
#pragma unroll
        for (std::uint32_t w = 0; w < Tile::warps; ++w) total += partial[w][i];
        const LowRankProjection& projection = projections.projection[column.projection];
        t[std::size_t{row_at + row} * projections.t_width + projection.t_at + column.rank] =
            scaled(projection, key, total);
      }
      __syncthreads();
    }
  }
}

/// fp32: a warp for each row, eight columns at a time.
template <bool dense>
__global__ void __launch_bounds__(256)
    float_dots_kernel(Rows rows, const __grid_constant__ LowRankProjections projections,
                      const __grid_constant__ ProjectionRuns runs, const std::int32_t* adapter,
                      const float* x, std::uint32_t x_stride, float* t) {
  constexpr std::uint32_t columns = 8;
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= rows.tokens * rows.probes) return;
  const RowKey key = row_key(rows, adapter, row);
  for (std::uint32_t r = 0; r < runs.count; ++r) {
    const ProjectionRun& run = runs.run[r];
    const float* const from = x + std::size_t{row} * x_stride + projections.projection[run.first].y_at;
    for (std::uint32_t first = 0; first < run.columns; first += columns) {
      const float* factor[columns];
      std::uint32_t b_row[columns];
      float sum[columns] = {};
#pragma unroll
      for (std::uint32_t c = 0; c < columns; ++c) {
        const ProjectionColumn column = projection_column(projections, run, first + c);
        factor[c] = factor_column(projections, column, key);
        b_row[c] = factor[c] == nullptr ? 0 : projections.projection[column.projection].b_row;
      }
      const std::uint32_t width =
          has_product(projections, run, key) ? projections.projection[run.first].out : 0;
      for (std::uint32_t k = 4 * lane; k < width; k += 128) {
        const float4 v = *reinterpret_cast<const float4*>(from + k);
#pragma unroll
        for (std::uint32_t c = 0; c < columns; ++c) {
          float b[4];
          load_factor<dense>(factor[c], b_row[c], k, true, b);
          sum[c] = fmaf(v.x, b[0], fmaf(v.y, b[1], fmaf(v.z, b[2], fmaf(v.w, b[3], sum[c]))));
        }
      }
#pragma unroll
      for (std::uint32_t c = 0; c < columns; ++c) {
#pragma unroll
        for (int step = 16; step > 0; step /= 2) sum[c] += __shfl_xor_sync(0xFFFFFFFFU, sum[c], step);
        const ProjectionColumn column = projection_column(projections, run, first + c);
        if (lane != 0 || column.projection == LowRankProjections::most) continue;
        const LowRankProjection& projection = projections.projection[column.projection];
        t[std::size_t{row} * projections.t_width + projection.t_at + column.rank] =
            scaled(projection, key, sum[c]);
      }
    }
  }
}

/// What a launch of dots is given.
template <class T>
struct DotCall {
  cudaStream_t stream;
  Rows rows;
  LowRankProjections projections;
  const std::int32_t* adapter;
  const T* x;
  std::uint32_t x_stride;
  float* t;
};

template <class Tile>
void launch_tensor_dots(const DotCall<bf16>& call, ProjectionRuns runs) {
  const std::uint32_t chunks = runs.deal(Tile::columns);
  const auto tiles = static_cast<unsigned>((call.rows.count() + Tile::rows - 1) / Tile::rows);
  tensor_dots_kernel<Tile><<<dim3(chunks, tiles), 32 * Tile::warps, 0, call.stream>>>(
      call.rows, call.projections, runs, call.adapter, call.x, call.x_stride, call.t);
}

/// As many rows a block (it reads the factors once) as still leave a block for every multiprocessor of a
/// large GPU; two of the largest where two fit.
template <int column_tiles, bool dense>
void choose_rows(const DotCall<bf16>& call, const ProjectionRuns& runs) {
  constexpr std::size_t processors = 132, resident = column_tiles <= 3 ? 2 : 1;
  const std::size_t rows = call.rows.count() * runs.count;
  if (rows >= 64 * processors * resident)
    launch_tensor_dots<DotTile<4, column_tiles, dense>>(call, runs);
  else if (rows >= 32 * processors)
    launch_tensor_dots<DotTile<2, column_tiles, dense>>(call, runs);
  else
    launch_tensor_dots<DotTile<1, column_tiles, dense>>(call, runs);
}

template <bool dense>
void launch_dots(const DotCall<bf16>& call, const ProjectionRuns& runs) {
  std::uint32_t columns = 0;
  for (std::uint32_t r = 0; r < runs.count; ++r) columns = std::max(columns, runs.run[r].columns);
  if (columns <= 8)
    choose_rows<1, dense>(call, runs);
  else if (columns <= 16)
    choose_rows<2, dense>(call, runs);
  else if (columns <= 24)
    choose_rows<3, dense>(call, runs);
  else
    choose_rows<6, dense>(call, runs);
}

template <bool dense>
void launch_dots(const DotCall<float>& call, const ProjectionRuns& runs) {
  constexpr unsigned rows = 8;
  const auto blocks = static_cast<unsigned>((call.rows.count() + rows - 1) / rows);
  float_dots_kernel<dense><<<blocks, 32 * rows, 0, call.stream>>>(
      call.rows, call.projections, runs, call.adapter, call.x, call.x_stride, call.t);
}

/// Whether every column of every B_i is dense and starts on 16 bytes.
inline bool columns_are_dense(const LowRankProjections& projections) {
  for (std::uint32_t s = 0; s < projections.count; ++s) {
    const LowRankProjection& projection = projections.projection[s];
    const bool aligned =
        reinterpret_cast<std::uintptr_t>(projection.b) % 16 == 0 && projection.stride % 4 == 0;
    if (projection.b_row != 1 || projection.b_col % 4 != 0 || !aligned) return false;
  }
  return true;
}

template <class T>
void dots(const DotCall<T>& call) {
  if (call.rows.count() == 0 || call.projections.t_width == 0) return;
  const ProjectionRuns runs(call.projections);
  if (columns_are_dense(call.projections))
    launch_dots<true>(call, runs);
  else
    launch_dots<false>(call, runs);
}

}  // namespace zofo::tensor::cuda::detail
