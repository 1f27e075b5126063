/// @file RMSNorm (Zhang & Sennrich 2019) and LayerNorm (Ba et al. 2016) and their gradients. A team of
/// threads holds a row, or several, in registers from the first read to the last write.
#pragma once

#include <type_traits>

#include "cuda/kernels/row_products.cuh"
#include "cuda/kernels/rows_norm_strips.cuh"
#include "zofo/core/error_type.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

enum class TeamKind : std::uint8_t { warp, block, block_with_products };

/// Who holds a row: one warp, or a block, which alone can add products. Each thread has `packs` packs of 8
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
struct NormPlace {
  std::uint32_t first;  ///< first row of the team
  std::uint32_t lane, threads;

  __device__ NormPlace() {
    const std::uint32_t team = Team::is_warp ? (blockIdx.x * blockDim.x + threadIdx.x) / 32 : blockIdx.x;
    first = team * Team::rows;
    lane = Team::is_warp ? threadIdx.x % 32 : threadIdx.x;
    threads = Team::is_warp ? 32 : blockDim.x;
  }
  __device__ std::uint32_t column(int pack) const {
    return 8 * (static_cast<std::uint32_t>(pack) * threads + lane);
  }
};

/// Sums each value over the team. `shared` may serve one sum only.
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
__device__ inline void load_rows(const NormPlace<Team>& place, const RowGroup<Team::rows>& group,
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

/// Adds the sites' products to the team's rows.
template <class Team>
__device__ inline void add_site_products(const NormPlace<Team>& place, const RowGroup<Team::rows>& group,
                                         std::uint32_t width, const LowRankSites& sites, const float* t,
                                         NormValues<Team>& value) {
#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
    FactorTile<8, 4> tile;
    add_products(sites, group, t, place.column(p), tile, value[p]);
  }
}

/// Writes the rows and keeps what was written, so that what is normed is what is stored.
template <class Team, class T>
__device__ inline void store_rounded(const NormPlace<Team>& place, const RowGroup<Team::rows>& group,
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

  __device__ NormWeight(const NormPlace<Team>& place, const RowGroup<Team::rows>& group, std::uint32_t width,
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
  __device__ void get(const NormPlace<Team>& place, const RowGroup<Team::rows>& group, int p, int r,
                      float (&value)[8]) const {
    if (weight.data == nullptr)
      set_zero(value);
    else if (Team::reads_weights_early && group.probe[r] == group.probe[0])
      unpack(early[p], value);
    else
      load_values(at(group.probe[r]) + place.column(p), value);
  }
};

template <class Team, class T>
__global__ void __launch_bounds__(512) norm_kernel(const __grid_constant__ NormForward<T> a) {
  const std::uint32_t width = a.width;
  const NormPlace<Team> place;
  if (place.first >= a.rows.tokens * a.rows.probes) return;  // whole teams: no barrier is missed
  const RowGroup<Team::rows> group = row_group<Team::rows>(a.rows, a.products.adapter, place.first);
  NormValues<Team> value;
  load_rows(place, group, width, static_cast<const T*>(a.h), value);
  const NormWeight<Team, T> gains(place, group, width, a.gain);
  const NormWeight<Team, T> biases(place, group, width, a.bias);
  if constexpr (Team::adds_products) {
    add_site_products(place, group, width, a.products.sites, a.products.t, value);
    store_rounded(place, group, width, value, a.h);
  }

  __shared__ BlockSum<Team::rows> mean_sum, square_sum;
  float mean[Team::rows], square[Team::rows];
  set_zero(mean);
  set_zero(square);
  const float share = 1.0F / static_cast<float>(width);
  if (a.kind == Norm::layer) {
#pragma unroll
    for (int p = 0; p < Team::packs; ++p)
#pragma unroll
      for (int r = 0; r < Team::rows; ++r)
#pragma unroll
        for (int i = 0; i < 8; ++i) mean[r] += value[p][r][i];
    team_sum<Team>(mean, mean_sum);
#pragma unroll
    for (int r = 0; r < Team::rows; ++r) mean[r] *= share;
  }
#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
#pragma unroll
    for (int r = 0; r < Team::rows; ++r)
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        value[p][r][i] -= mean[r];
        square[r] = fmaf(value[p][r][i], value[p][r][i], square[r]);
      }
  }
  team_sum<Team>(square, square_sum);

#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
#pragma unroll
    for (int r = 0; r < Team::rows; ++r) {
      if (static_cast<std::uint32_t>(r) >= group.count) continue;
      const float inverse = 1.0F / sqrtf(fmaf(square[r], share, a.eps));
      float gain_value[8], bias_value[8];
      gains.get(place, group, p, r, gain_value);
      biases.get(place, group, p, r, bias_value);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        gain_value[i] = fmaf(value[p][r][i] * inverse, gain_value[i], bias_value[i]);
      store_values(gain_value, a.x + std::size_t{place.first + r} * width + place.column(p));
    }
  }
}

template <class Team, class T>
__global__ void __launch_bounds__(512) norm_backward_kernel(const __grid_constant__ NormBackward<T> a) {
  constexpr int count = Team::rows;
  const std::uint32_t width = a.width;
  const NormPlace<Team> place;
  if (place.first >= a.rows.tokens * a.rows.probes) return;
  const RowGroup<count> group = row_group<count>(a.rows, a.products.adapter, place.first);
  NormValues<Team> slope, value;  // of the normed row; and the row itself
  load_rows(place, group, width, a.dx, slope);
  const NormWeight<Team, T> gains(place, group, width, a.gain);
  if constexpr (Team::adds_products)
    add_site_products(place, group, width, a.products.sites, a.products.t, slope);
  load_rows(place, group, width, a.h, value);

  __shared__ BlockSum<2 * count> mean_sum, moment_sum;
  float mean[2 * count], moment[2 * count];  // of values, then of slopes; squares, then products of both
  set_zero(mean);
  set_zero(moment);
#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
#pragma unroll
    for (int r = 0; r < count; ++r) {
      if (static_cast<std::uint32_t>(r) >= group.count) continue;
      float gain_value[8];
      gains.get(place, group, p, r, gain_value);
#pragma unroll
      for (int i = 0; i < 8; ++i) slope[p][r][i] *= gain_value[i];
    }
  }
  const float share = 1.0F / static_cast<float>(width);
  if (a.kind == Norm::layer) {
#pragma unroll
    for (int p = 0; p < Team::packs; ++p)
#pragma unroll
      for (int r = 0; r < count; ++r)
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          mean[r] += value[p][r][i];
          mean[count + r] += slope[p][r][i];
        }
    team_sum<Team>(mean, mean_sum);
#pragma unroll
    for (int r = 0; r < 2 * count; ++r) mean[r] *= share;
  }
#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
#pragma unroll
    for (int r = 0; r < count; ++r)
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        value[p][r][i] -= mean[r];
        moment[r] = fmaf(value[p][r][i], value[p][r][i], moment[r]);
        moment[count + r] = fmaf(value[p][r][i], slope[p][r][i], moment[count + r]);
      }
  }
  team_sum<Team>(moment, moment_sum);

#pragma unroll
  for (int p = 0; p < Team::packs; ++p) {
    if (place.column(p) >= width) continue;
#pragma unroll
    for (int r = 0; r < count; ++r) {
      if (static_cast<std::uint32_t>(r) >= group.count) continue;
      const float inverse = 1.0F / sqrtf(fmaf(moment[r], share, a.eps));
      const float shrink = moment[count + r] * share * inverse * inverse;
      T* const to = a.dh + std::size_t{place.first + r} * width + place.column(p);
      float sum[8];
      if (a.accumulate)
        load_values(to, sum);
      else
        set_zero(sum);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        sum[i] += inverse * (slope[p][r][i] - mean[count + r] - value[p][r][i] * shrink);
      store_values(sum, to);
    }
  }
}

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

}  // namespace detail

template <class T>
void norm(cudaStream_t stream, const NormForward<T>& arguments) {
  const std::size_t rows = arguments.rows.count();
  if (rows == 0) return;
  NormForward<T> a = arguments;
  if (a.kind != Norm::layer) a.bias = {};
  const bool products = a.products.sites.count > 0;
  if constexpr (std::is_same_v<T, bf16>) {
    const auto strips = [&](auto each, unsigned threads) {
      detail::norm_strips_kernel<decltype(each)::value, T>
          <<<detail::blocks_of(rows, detail::StripLane::rows), threads, 0, stream>>>(a);
    };
    if (products && detail::with_strips<4>(a.width, strips)) return launched("norm");
  }
  detail::with_norm_team(rows, a.width, products, [&](auto team, unsigned blocks, unsigned threads) {
    detail::norm_kernel<decltype(team), T><<<blocks, threads, 0, stream>>>(a);
  });
  launched("norm");
}

template <class T>
void norm_backward(cudaStream_t stream, const NormBackward<T>& arguments) {
  const std::size_t rows = arguments.rows.count();
  if (rows == 0) return;
  NormBackward<T> a = arguments;
  a.products.sites = detail::turned_to_input(arguments.products.sites);
  const bool products = a.products.sites.count > 0;
  if constexpr (std::is_same_v<T, bf16>) {
    const auto strips = [&](auto each, unsigned threads) {
      detail::norm_backward_strips_kernel<decltype(each)::value, T>
          <<<detail::blocks_of(rows, detail::StripLane::rows), threads, 0, stream>>>(a);
    };
    if (products && detail::with_strips<2>(a.width, strips)) return launched("norm_backward");
  }
  detail::with_norm_team(rows, a.width, products, [&](auto team, unsigned blocks, unsigned threads) {
    detail::norm_backward_kernel<decltype(team), T><<<blocks, threads, 0, stream>>>(a);
  });
  launched("norm_backward");
}

}  // namespace zofo::tensor::cuda
