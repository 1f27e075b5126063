/// @file How the gradients of adapters' factors are dealt out to blocks, and what their kernels read and
/// write.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/low_rank_projections.cuh"
#include "zofo/tensor/cuda/kernels/low_rank.hpp"

namespace zofo::tensor::cuda::detail {

/// One factor's gradient: of A the sum of dt x, of B that of t dy. A partial sum holds it as [rank, columns].
struct FactorSum {
  std::uint32_t projection = 0;
  bool of_b = false;
  std::uint32_t columns = 0;      ///< of x or of the projection's share of dy
  std::uint32_t first_block = 0;  ///< of those that sum it
  std::size_t at = 0;             ///< in a partial sum
};

/// What a block takes.
struct GradientShape {
  std::uint32_t columns, ranks;
  std::uint32_t rows;  ///< at least, and a multiple of this
  std::size_t blocks;  ///< that a large GPU should get
};

/// How the sums are dealt out to blocks.
struct GradientPlan {
  static constexpr std::uint32_t threads = 64;  ///< of a block; as many rows are looked at together
  static constexpr std::uint32_t columns = 4;   ///< of a thread
  static constexpr std::uint32_t ranks = 8;     ///< of a thread
  static constexpr std::uint32_t block_columns = threads * columns;

  FactorSum sum[2 * LowRankProjections::most];
  std::uint32_t count = 0;
  std::uint32_t blocks = 0;      ///< for one slice and one adapter
  std::size_t entries = 0;       ///< of a partial sum
  std::uint32_t slice_rows = 0;  ///< a multiple of the shape's
  std::uint32_t slices = 0;

  GradientPlan(const Rows& rows, const LowRankProjections& projections, std::uint32_t adapters,
               const GradientShape& shape) {
    for (std::uint32_t s = 0; s < projections.count; ++s) {
      if (projections.projection[s].by_probe) continue;
      add(s, projections.projection[s], false, shape);
      add(s, projections.projection[s], true, shape);
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
  void add(std::uint32_t s, const LowRankProjection& projection, bool of_b, const GradientShape& shape) {
    FactorSum& f = sum[count++];
    f = {s, of_b, of_b ? projection.out : projection.in, blocks, entries};
    blocks +=
        (f.columns + shape.columns - 1) / shape.columns * ((projection.rank + shape.ranks - 1) / shape.ranks);
    entries += std::size_t{f.columns} * projection.rank;
  }
};

/// The wide matrices and the weights of a call.
template <class T>
struct GradientSources {
  const T* x;
  const T* dy;
  std::uint32_t dy_stride;
  const float* t;
  const float* dt;
};

/// Where the sums go.
struct GradientTargets {
  LowRankGradient of_projection[LowRankProjections::most];
};

}  // namespace zofo::tensor::cuda::detail
