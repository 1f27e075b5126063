/// @file Who holds a row of a norm: teams of threads, what each reads of rows and weights, and which team
/// fits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/row_products.cuh"
#include "zofo/core/error_type.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda::detail {

enum class TeamKind : std::uint8_t { warp, block, block_with_products };

/// The team of a row: one warp, or a block; only a block can add products. Each thread has `packs` packs of 8
/// columns of `rows` rows.
template <TeamKind kind, int packs_, int rows_>
struct NormTeam {
  static constexpr int packs = packs_;
  static constexpr int rows = rows_;
  static constexpr bool is_warp = kind == TeamKind::warp;
  static constexpr bool adds_products = kind == TeamKind::block_with_products;
  static constexpr bool reads_weights_early = !(adds_products && packs > 1);  ///< else registers run out
  static constexpr unsigned warp_threads = 128;  ///< of a block of warps that each hold a row
};

/// The calling thread's part of its team's rows.
template <class Team>
struct NormSlot {
  std::uint32_t first;  ///< first row of the team
  std::uint32_t lane, threads;

  __device__ NormSlot() {
    const std::uint32_t team = Team::is_warp ? (blockIdx.x * blockDim.x + threadIdx.x) / 32 : blockIdx.x;
    first = team * Team::rows;
    lane = Team::is_warp ? threadIdx.x % 32 : threadIdx.x;
    threads = Team::is_warp ? 32 : blockDim.x;
  }
  __device__ std::uint32_t column(int pack) const {
    return 8 * (static_cast<std::uint32_t>(pack) * threads + lane);
  }
};

/// Sums each value over the team. `shared` may be used for one sum only.
template <class Team, int count>
__device__ inline void team_sum(float (&value)[count], BlockSum<count>& shared) {
  if constexpr (Team::is_warp)
    warp_sum(value);
  else
    block_sum(value, shared);
}

/// The team's rows, or their gradients: zeros beyond the width and past the last row.
template <class Team>
using NormValues = float[Team::packs][Team::rows][8];

template <class Team, class T>
__device__ inline void load_rows(const NormSlot<Team>& place, const RowGroup<Team::rows>& group,
                                 std::uint32_t width, const T* from, NormValues<Team>& value) {
#pragma unroll
  for (int p = 0; p < Team::packs; ++p)
#pragma unroll
    for (std::uint32_t r = 0; r < Team::rows; ++r) {
      if (place.column(p) < width && r < group.count)
        load_values(from + std::size_t{place.first + r} * width + place.column(p), value[p][r]);
      else
        set_zero(value[p][r]);
    }
}

/// Adds the projections' products to the team's rows.
template <class Team>
__device__ inline void add_projection_products(const NormSlot<Team>& place, const RowGroup<Team::rows>& group,
                                               std::uint32_t width, const LowRankProjections& projections,
                                               const float* t, NormValues<Team>& value) {
#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
    FactorTile<8, 4> tile;
    add_products(projections, group, t, place.column(p), tile, value[p]);
  }
}

/// Writes the rows and holds what was written, so that the normed values equal the stored ones.
template <class Team, class T>
__device__ inline void store_rounded(const NormSlot<Team>& place, const RowGroup<Team::rows>& group,
                                     std::uint32_t width, NormValues<Team>& value, T* to) {
#pragma unroll
  for (int p = 0; p < Team::packs; ++p)
#pragma unroll
    for (std::uint32_t r = 0; r < Team::rows; ++r) {
      if (place.column(p) >= width || r >= group.count) continue;
      const RowPack<T, 8> pack = rounded(value[p][r], static_cast<const T*>(nullptr));
      store_pack(pack, to + std::size_t{place.first + r} * width + place.column(p));
      unpack(pack, value[p][r]);
    }
}

/// A norm's weight as the team reads it: that of the first row's probe early where registers allow, so that
/// the load overlaps the sums; another probe's when its row comes.
template <class Team, class T>
struct NormWeight {
  PerProbe<T> weight;
  RowPack<T, 8> early[Team::packs];

  __device__ NormWeight(const NormSlot<Team>& place, const RowGroup<Team::rows>& group, std::uint32_t width,
                        PerProbe<T> from)
      : weight(from) {
    if constexpr (Team::reads_weights_early) {
      if (weight.data == nullptr) return;
#pragma unroll
      for (int p = 0; p < Team::packs; ++p)
        if (place.column(p) < width) early[p] = load_pack<8>(at(group.probe[0]) + place.column(p));
    }
  }
  __device__ const T* at(std::int32_t probe) const {
    return weight.data + static_cast<std::size_t>(probe) * weight.stride;
  }
  __device__ void get(const NormSlot<Team>& place, const RowGroup<Team::rows>& group, int p, int r,
                      float (&value)[8]) const {
    if (weight.data == nullptr)
      set_zero(value);
    else if (Team::reads_weights_early && group.probe[r] == group.probe[0])
      unpack(early[p], value);
    else
      load_values(at(group.probe[r]) + place.column(p), value);
  }
};

/// Calls launch(team, blocks, threads) with the team that fits rows of this width: with products to add, a
/// block holds four rows, so that factors are read a quarter as often.
template <class Launch>
void with_norm_team(std::size_t rows, std::uint32_t width, bool products, const Launch& launch) {
  const std::uint32_t packs = width / 8;
  if (packs > 2048) throw Error("norm: a row has more than 16,384 columns");
  const auto warps = [&](auto team) {
    using Team = decltype(team);
    launch(team, blocks_of(rows, Team::warp_threads / 32), Team::warp_threads);
  };
  const auto block = [&](auto team) {
    using Team = decltype(team);
    launch(team, blocks_of(rows, Team::rows), threads_for(blocks_of(packs, Team::packs), 512));
  };
  if (products && packs <= 512) return block(NormTeam<TeamKind::block_with_products, 1, 4>{});
  if (products) return block(NormTeam<TeamKind::block_with_products, 4, 1>{});
  if (packs <= 32) return warps(NormTeam<TeamKind::warp, 1, 1>{});
  if (packs <= 64) return warps(NormTeam<TeamKind::warp, 2, 1>{});
  if (packs <= 96) return warps(NormTeam<TeamKind::warp, 3, 1>{});
  if (packs <= 128) return warps(NormTeam<TeamKind::warp, 4, 1>{});
  if (packs <= 512) return block(NormTeam<TeamKind::block, 2, 1>{});
  block(NormTeam<TeamKind::block, 4, 1>{});
}

}  // namespace zofo::tensor::cuda::detail
