/// @file RMSNorm (Zhang & Sennrich 2019) and LayerNorm (Ba et al. 2016) and their gradients. A team of
/// threads holds a row, or several, in registers from the first read to the last write.
#pragma once

#include <type_traits>

#include "cuda/kernels/norm_team.cuh"
#include "cuda/kernels/rows_norm_strips.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

template <class Team, class T>
__global__ void __launch_bounds__(512) norm_kernel(const __grid_constant__ NormForward<T> a) {
  const std::uint32_t width = a.width;
  const NormSlot<Team> place;
  if (place.first >= a.rows.tokens * a.rows.probes) return;  // whole teams: no barrier is missed
  const RowGroup<Team::rows> group = row_group<Team::rows>(a.rows, a.products.adapter, place.first);
  NormValues<Team> value;
  load_rows(place, group, width, static_cast<const T*>(a.h), value);
  const NormWeight<Team, T> gains(place, group, width, a.gain);
  const NormWeight<Team, T> biases(place, group, width, a.bias);
  if constexpr (Team::adds_products) {
    add_projection_products(place, group, width, a.products.projections, a.products.t, value);
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
        gain_value[i] = fmaf(value[p][r][i] * inverse, gain_value[i] + a.offset, bias_value[i]);
      store_values(gain_value, a.x + std::size_t{place.first + r} * width + place.column(p));
    }
  }
}

template <class Team, class T>
__global__ void __launch_bounds__(512) norm_backward_kernel(const __grid_constant__ NormBackward<T> a) {
  constexpr int count = Team::rows;
  const std::uint32_t width = a.width;
  const NormSlot<Team> place;
  if (place.first >= a.rows.tokens * a.rows.probes) return;
  const RowGroup<count> group = row_group<count>(a.rows, a.products.adapter, place.first);
  NormValues<Team> gradient, value;  // of the normed row; and the row itself
  load_rows(place, group, width, a.dx, gradient);
  const NormWeight<Team, T> gains(place, group, width, a.gain);
  if constexpr (Team::adds_products)
    add_projection_products(place, group, width, a.products.projections, a.products.t, gradient);
  load_rows(place, group, width, a.h, value);

  __shared__ BlockSum<2 * count> mean_sum, moment_sum;
  float mean[2 * count], moment[2 * count];  // of values, then of gradients; squares, then products of both
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
      for (int i = 0; i < 8; ++i) gradient[p][r][i] *= gain_value[i] + a.offset;
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
          mean[count + r] += gradient[p][r][i];
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
        moment[count + r] = fmaf(value[p][r][i], gradient[p][r][i], moment[count + r]);
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
        sum[i] += inverse * (gradient[p][r][i] - mean[count + r] - value[p][r][i] * shrink);
      store_values(sum, to);
    }
  }
}

}  // namespace detail

template <class T>
void norm(cudaStream_t stream, const NormForward<T>& arguments) {
  const std::size_t rows = arguments.rows.count();
  if (rows == 0) return;
  NormForward<T> a = arguments;
  if (a.kind != Norm::layer) a.bias = {};
  const bool products = a.products.projections.count > 0;
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
  a.products.projections = detail::turned_to_input(arguments.products.projections);
  const bool products = a.products.projections.count > 0;
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
