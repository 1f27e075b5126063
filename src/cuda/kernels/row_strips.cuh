/// @file Low-rank products added to bf16 rows on the tensor cores: a warp holds strips of 64 columns by eight
/// rows. Read once for many rows, the factors cost registers and no time, so that what adds products runs as
/// fast as memory gives and takes rows.
#pragma once

#include "cuda/kernels/low_rank_projections.cuh"
#include "cuda/kernels/row_products.cuh"
#include "cuda/kernels/tensor_tile.cuh"

namespace zofo::tensor::cuda::detail {

constexpr std::uint32_t all_lanes = 0xFFFFFFFFU;

/// The calling lane's part of a strip: lane 4g + q holds columns 8g … 8g + 7 of rows 2q and 2q + 1, and reads
/// t of row g.
struct StripLane {
  static constexpr std::uint32_t columns = 64, rows = 8;  ///< of a strip
  std::uint32_t g = threadIdx.x % 32 / 4, q = threadIdx.x % 4;
  __device__ std::uint32_t column(std::uint32_t strip) const { return strip + 8 * g; }
};

/// A lane's values of a strip, and as stored in memory.
using StripValues = float[2][8];
using StripPacks = RowPack<bf16, 8>[2];

/// The lane's packs of the strip at (row, column) of a matrix with rows below `total` and columns below
/// `width`; zeros outside.
__device__ inline void load_strip(const StripLane& lane, const bf16* from, std::size_t stride,
                                  std::uint32_t row, std::uint32_t total, std::uint32_t column,
                                  std::uint32_t width, StripPacks& pack) {
#pragma unroll
  for (std::uint32_t r = 0; r < 2; ++r) {
    const std::uint32_t at = row + 2 * lane.q + r;
    pack[r] = {};
    if (at < total && column < width) pack[r] = load_pack<8>(from + at * stride + column);
  }
}

/// Four of the lane's columns, from memory or as it shall be there.
template <std::uint32_t half>
__device__ inline void unpack_half(const StripPacks& pack, StripValues& value) {
#pragma unroll
  for (int r = 0; r < 2; ++r)
#pragma unroll
    for (std::uint32_t i = 0; i < 2; ++i) {
      const std::uint32_t word = pack[r].word[2 * half + i];
      value[r][4 * half + 2 * i] = __uint_as_float(word << 16U);
      value[r][4 * half + 2 * i + 1] = __uint_as_float(word & 0xFFFF0000U);
    }
}
template <std::uint32_t half>
__device__ inline void round_half(const StripValues& value, StripPacks& pack) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float four[4] = {value[r][4 * half], value[r][4 * half + 1], value[r][4 * half + 2],
                           value[r][4 * half + 3]};
    const RowPack<bf16, 4> both = rounded(four, static_cast<const bf16*>(nullptr));
#pragma unroll
    for (std::uint32_t i = 0; i < 2; ++i) pack[r].word[2 * half + i] = both.word[i];
  }
}

/// Four neighbouring ranks of one projection, or its last ones.
struct RankQuad {
  std::uint32_t projection = LowRankProjections::most;
  std::uint32_t at = 0;    ///< first column of t
  std::uint32_t left = 0;  ///< ranks of the projection from the first on; 0: there is no such quad
  std::uint32_t kind = 0;  ///< bits: aligned, by_probe

  static constexpr std::uint32_t aligned = 1;   ///< four coefficients may be loaded at once
  static constexpr std::uint32_t by_probe = 2;  ///< else by adapter

  __device__ std::int32_t index(const RowKey& key) const {
    return left == 0 ? -1 : (kind & by_probe) != 0 ? key.probe : key.adapter;
  }
  /// t of a row; zeros where there is no quad.
  __device__ float4 coefficients(const float* row) const {
    float4 quad{0.0F, 0.0F, 0.0F, 0.0F};
    if ((kind & aligned) != 0) return *reinterpret_cast<const float4*>(row + at);
    if (left > 0) quad.x = row[at];
    if (left > 1) quad.y = row[at + 1];
    if (left > 2) quad.z = row[at + 2];
    if (left > 3) quad.w = row[at + 3];
    return quad;
  }
};

/// What a warp's strip of columns gets from the projections: y += t B, four quads of ranks (a step of the
/// tensor cores) at a time, of which lane q of four has the q-th. B goes in as the left operand, so that a
/// lane ends up with eight neighbours of a row. `held`: what is read of B stays for the next rows. Both
/// operands are split as for the products before (see SplitPair); what is left out is 2⁻¹⁶ of a product, of
/// which bf16 keeps 2⁻⁹.
template <bool held>
class StripProducts {
 public:
  static constexpr std::uint32_t step = 4;  ///< quads
  std::uint32_t quads = 0;  ///< of projections that reach the strip; 0: there is nothing to add

  __device__ StripProducts(const StripLane& lane, const LowRankProjections& projections, std::uint32_t strip,
                           const float* t)
      : strip_(strip) {
    for (std::uint32_t s = 0; s < projections.count; ++s)
      if (reaches(projections.projection[s], strip, StripLane::columns))
        quads += (projections.projection[s].rank + 3) / 4;
    first_ = quad(projections, t, lane.q);
  }

  /// t of the lane's quad of the first step; zeros where there is none.
  __device__ float4 coefficients(const LowRankProjections& projections, const float* t, std::uint32_t row,
                                 std::uint32_t total) const {
    return coefficients(projections, t, row, total, first_);
  }

  /// value += t B for the eight rows from `row` on, of which row g has the key `key` and the first
  /// coefficients `first`.
  __device__ void add(const StripLane& lane, const LowRankProjections& projections, const float* t,
                      std::uint32_t row, std::uint32_t total, const RowKey& key, const float4& first,
                      StripValues& value)
    requires held
  {
    if (quads > 0) add_halves<0, 2>(lane, projections, t, row, total, key, first, value);
  }

  /// The same for the first or the last four of the lane's columns, which takes fewer registers.
  template <std::uint32_t half>
  __device__ void add_half(const StripLane& lane, const LowRankProjections& projections, const float* t,
                           std::uint32_t row, std::uint32_t total, const RowKey& key, StripValues& value)
    requires(!held)
  {
    if (quads > 0) add_halves<half, half + 1>(lane, projections, t, row, total, key, {}, value);
  }

 private:
  std::uint32_t strip_;
  RankQuad first_;
  RowKey held_{-2, -2};  // what the fragments are of
  std::uint32_t held_at_ = 0;

  __device__ static RowKey of_lane(const RowKey& key, int lane) {
    return {__shfl_sync(all_lanes, key.adapter, lane), __shfl_sync(all_lanes, key.probe, lane)};
  }

  __device__ RankQuad quad(const LowRankProjections& projections, const float* t,
                           std::uint32_t wanted) const {
    for (std::uint32_t s = 0; s < projections.count; ++s) {
      if (!reaches(projections.projection[s], strip_, StripLane::columns)) continue;
      const LowRankProjection& projection = projections.projection[s];
      const std::uint32_t count = (projection.rank + 3) / 4, at = projection.t_at + 4 * wanted,
                          left = projection.rank - 4 * wanted;
      if (wanted < count) {
        const bool aligned = left >= 4 && (at | projections.t_width) % 4 == 0 && holds_quads(t);
        return {s, at, left,
                (aligned ? RankQuad::aligned : 0) | (projection.by_probe ? RankQuad::by_probe : 0)};
      }
      wanted -= count;
    }
    return {};
  }

  __device__ float4 coefficients(const LowRankProjections& projections, const float* t, std::uint32_t row,
                                 std::uint32_t total, const RankQuad& quad) const {
    if (row >= total) return {0.0F, 0.0F, 0.0F, 0.0F};
    return quad.coefficients(t + std::size_t{row} * projections.t_width);
  }

  // Half the strip's columns of a lane, two of them a fragment.
  using HalfFragments = std::uint32_t[2][4][SplitPair::parts];

  __device__ void load_half(const StripLane& lane, const LowRankProjections& projections, const RowKey& key,
                            const RankQuad& wanted, std::uint32_t half, HalfFragments& fragment) const {
    FactorTile<4, 4> tile;
#pragma unroll
    for (int c = 0; c < 4; ++c) set_zero(tile.value[c]);
    float scale = 0.0F;
    const std::int32_t index = wanted.index(key);
    if (index >= 0) {
      const LowRankProjection& projection = projections.projection[wanted.projection];
      scale = projection.scales != nullptr ? projection.scale * projection.scales[index] : projection.scale;
      tile.hold(projections, wanted.projection, index, lane.column(strip_) + 4 * half,
                projection.rank - wanted.left);
    }
    __syncwarp();
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float* const pair = &tile.value[2 * m + i % 2][i / 2 * 2];
        const SplitPair both = split(scale * pair[0], scale * pair[1]);
#pragma unroll
        for (int p = 0; p < SplitPair::parts; ++p) fragment[m][i][p] = both.part[p];
      }
  }

  __device__ void hold(const StripLane& lane, const LowRankProjections& projections, const float* t,
                       const RowKey& key, std::uint32_t quad_at) {
    if (key == held_ && quad_at == held_at_) return;
    held_ = key;
    held_at_ = quad_at;
    const RankQuad wanted = quad(projections, t, quad_at + lane.q);
#pragma unroll
    for (std::uint32_t half = 0; half < 2; ++half)
      load_half(lane, projections, key, wanted, half, fragment_[half]);
  }

  // Once for each key, mostly one. Only its rows are used, so that no factor affects another's row.
  template <std::uint32_t begin, std::uint32_t end>
  __device__ void add_halves(const StripLane& lane, const LowRankProjections& projections, const float* t,
                             std::uint32_t row, std::uint32_t total, const RowKey& key, const float4& first,
                             StripValues& value) {
#pragma unroll 1
    for (std::uint32_t left = all_lanes; left != 0;) {
      const RowKey chosen = of_lane(key, __ffs(static_cast<int>(left)) - 1);
      const std::uint32_t same = __ballot_sync(all_lanes, key == chosen);
      left &= ~same;
      StripValues raised;
#pragma unroll
      for (int r = 0; r < 2; ++r)
#pragma unroll
        for (std::uint32_t c = 4 * begin; c < 4 * end; ++c) raised[r][c] = value[r][c];
      multiply<begin, end>(lane, projections, t, {row, total, chosen, key == chosen}, first, raised);
#pragma unroll
      for (std::uint32_t r = 0; r < 2; ++r) {
        const bool kept = (same >> (8 * lane.q + 4 * r) & 1U) != 0;
#pragma unroll
        for (std::uint32_t c = 4 * begin; c < 4 * end; ++c) value[r][c] = kept ? raised[r][c] : value[r][c];
      }
    }
  }

  // Eight rows from `row` on, of those below `total` that have the key; `mine`: row g has it.
  struct KeyedRows {
    std::uint32_t row, total;
    RowKey key;
    bool mine;
  };

  // The products of rows of one key.
  template <std::uint32_t begin, std::uint32_t end>
  __device__ void multiply(const StripLane& lane, const LowRankProjections& projections, const float* t,
                           const KeyedRows& rows, const float4& first, StripValues& value) {
    const RowKey& key = rows.key;
    if (key.adapter < 0 && key.probe < 0) return;
    for (std::uint32_t at = 0; at < quads; at += step) {
      const RankQuad here = at == 0 ? first_ : quad(projections, t, at + lane.q);
      if constexpr (held) hold(lane, projections, t, key, at);
      float4 coefficient =
          held && at == 0 ? first : coefficients(projections, t, rows.row + lane.g, rows.total, here);
      if (!rows.mine || here.index(key) < 0) coefficient = {0.0F, 0.0F, 0.0F, 0.0F};
      const SplitPair low = split(coefficient.x, coefficient.y), high = split(coefficient.z, coefficient.w);
#pragma unroll
      for (std::uint32_t half = begin; half < end; ++half) {
        HalfFragments& fragment = fragment_[held ? half : 0];
        if constexpr (!held) load_half(lane, projections, key, here, half, fragment);
#pragma unroll
        for (std::uint32_t m = 0; m < 2; ++m) {
          float &v0 = value[0][4 * half + 2 * m], &v1 = value[1][4 * half + 2 * m];
          float &v2 = value[0][4 * half + 2 * m + 1], &v3 = value[1][4 * half + 2 * m + 1];
          float sum[4] = {v0, v1, v2, v3};
          const auto& a = fragment[m];
          multiply_tile(sum, a[0][0], a[1][0], a[2][0], a[3][0], low.part[0], high.part[0]);
          multiply_tile(sum, a[0][0], a[1][0], a[2][0], a[3][0], low.part[1], high.part[1]);
          multiply_tile(sum, a[0][1], a[1][1], a[2][1], a[3][1], low.part[0], high.part[0]);
          v0 = sum[0];
          v1 = sum[1];
          v2 = sum[2];
          v3 = sum[3];
        }
      }
    }
  }

  HalfFragments fragment_[held ? 2 : 1];
};

/// The key of row `row`, none where there is no such row. Only what some projection reads is distinguished,
/// so that rows differ no more than they must.
struct RowKeys {
  Rows rows;
  const std::int32_t* adapter = nullptr;  ///< null: no projection has adapters
  bool by_probe = false;

  __device__ RowKeys(const Rows& all, const LowRankProjections& projections, const std::int32_t* adapters)
      : rows(all) {
    for (std::uint32_t s = 0; s < projections.count; ++s) {
      if (projections.projection[s].by_probe)
        by_probe = true;
      else
        adapter = adapters;
    }
  }
  __device__ std::uint32_t total() const { return rows.tokens * rows.probes; }
  __device__ RowKey of(std::uint32_t row) const {
    if (row >= total()) return {-1, -1};
    RowKey key = row_key(rows, adapter, row);
    if (!by_probe) key.probe = -1;
    return key;
  }
};

}  // namespace zofo::tensor::cuda::detail
