/// @file How kernels that own strips of columns walk over rows, and load several strips at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/row_strips.cuh"

namespace zofo::tensor::cuda::detail {

/// How kernels that own strips walk over rows: four warps side by side, two strips of rows at once, and as
/// many of these pairs a block as still leave blocks for every multiprocessor of a large GPU.
struct StripWalk {
  static constexpr unsigned threads = 128;
  static constexpr std::uint32_t block_columns = threads / 32 * StripLane::columns;
  static constexpr unsigned resident = 4;
  static constexpr std::uint32_t together = 2;
  static constexpr std::uint32_t rows = together * StripLane::rows;
  unsigned groups;  ///< of `rows` rows, for a block
  dim3 grid;

  StripWalk(std::size_t row_count, std::uint32_t width) : groups(1) {
    const unsigned across = blocks_of(width, block_columns);
    const std::size_t enough = 2000;
    while (groups < 8 && blocks_of(row_count, std::size_t{rows} * groups * 2) * std::size_t{across} >= enough)
      groups *= 2;
    // Neighbouring blocks take the columns of the same rows, so that memory is read along its pages.
    grid = dim3(across, blocks_of(row_count, std::size_t{rows} * groups));
  }

  /// The calling warp's strip.
  __device__ static std::uint32_t strip() {
    return blockIdx.x * block_columns + threadIdx.x / 32 * StripLane::columns;
  }
};

/// Where a lane's strips are in memory: its eight columns from `column` on, of rows from `first` on.
struct StripSource {
  const bf16* data;
  std::size_t stride;
  std::uint32_t first, total;   ///< rows; those from `total` on do not exist
  std::uint32_t column, width;  ///< columns from `width` on do not exist
};

/// The strips of StripWalk::together neighbouring groups of rows, as they are in memory, and what their
/// products need: all loads before all sums, so that they wait together.
struct LoadedStrips {
  StripPacks pack[StripWalk::together];
  float4 coefficient[StripWalk::together];

  __device__ LoadedStrips(const StripLane& lane, const StripProducts<true>& products,
                          const LowRankProjections& projections, const float* t, const StripSource& from) {
#pragma unroll
    for (std::uint32_t k = 0; k < StripWalk::together; ++k) {
      const std::uint32_t row = from.first + StripLane::rows * k;
      load_strip(lane, from.data, from.stride, row, from.total, from.column, from.width, pack[k]);
      coefficient[k] = products.coefficients(projections, t, row + lane.g, from.total);
    }
  }
  __device__ void get(int k, StripValues& value) const {
#pragma unroll
    for (int r = 0; r < 2; ++r) unpack(pack[k][r], value[r]);
  }
};

}  // namespace zofo::tensor::cuda::detail
