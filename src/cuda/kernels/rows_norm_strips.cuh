/// @file Norms of bf16 rows with low-rank products, and their gradients: a block holds eight rows in strips
/// (see row_strips.cuh) from the first read to the last write.
#pragma once

#include <type_traits>

#include "cuda/kernels/row_strips.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda::detail {

/// Where the warps of a block meet: one for each sum, so that no barrier is needed between two.
template <int count>
struct StripSum {
  float2 partial[count][16][4];
};

/// Sums each value, [·][row 2q and 2q + 1], over the rows; all lanes of a row get the result.
template <int count>
__device__ inline void strip_sum(const StripLane& lane, float (&value)[count][2], StripSum<count>& shared) {
  const std::uint32_t warp = threadIdx.x / 32, warps = blockDim.x / 32;
  const auto over_columns = [&] {
#pragma unroll
    for (int step = 4; step < 32; step *= 2)
#pragma unroll
      for (int i = 0; i < count; ++i)
#pragma unroll
        for (int r = 0; r < 2; ++r) value[i][r] += __shfl_xor_sync(all_lanes, value[i][r], step);
  };
  over_columns();
  if (lane.g == 0)
#pragma unroll
    for (int i = 0; i < count; ++i) shared.partial[i][warp][lane.q] = float2{value[i][0], value[i][1]};
  __syncthreads();
#pragma unroll
  for (int i = 0; i < count; ++i) {
    set_zero(value[i]);
#pragma unroll
    for (std::uint32_t w = lane.g; w < 16; w += 8) {
      if (w >= warps) continue;
      const float2 part = shared.partial[i][w][lane.q];
      value[i][0] += part.x;
      value[i][1] += part.y;
    }
  }
  over_columns();
}

/// The calling lane's part of its block's eight rows: warp w of n has strips w, w + n, …
template <int strips>
struct StripRows {
  StripLane lane;
  std::uint32_t first = StripLane::rows * blockIdx.x, total, width;
  std::uint32_t probe[2];  ///< of its two rows, of the last row where there are none

  __device__ StripRows(const Rows& rows, std::uint32_t columns)
      : total(rows.tokens * rows.probes), width(columns) {
#pragma unroll
    for (std::uint32_t r = 0; r < 2; ++r) probe[r] = min(row(r), total - 1) / rows.tokens;
  }
  __device__ std::uint32_t row(std::uint32_t r) const { return first + 2 * lane.q + r; }
  __device__ std::uint32_t strip(int s) const {
    return StripLane::columns * (static_cast<std::uint32_t>(s) * (blockDim.x / 32) + threadIdx.x / 32);
  }
  __device__ std::uint32_t column(int s) const { return lane.column(strip(s)); }
  __device__ bool has(int s) const { return column(s) < width; }
  __device__ bool has(int s, std::uint32_t r) const { return has(s) && row(r) < total; }
  __device__ std::size_t at(int s, std::uint32_t r) const { return std::size_t{row(r)} * width + column(s); }

  __device__ void load(const bf16* from, StripPacks (&pack)[strips]) const {
#pragma unroll
    for (int s = 0; s < strips; ++s) load_strip(lane, from, width, first, total, column(s), width, pack[s]);
  }
};

/// A norm's weight as a lane reads it: that of its first row's probe early, so that the load overlaps what is
/// done before it is needed.
template <int strips>
struct StripWeight {
  PerProbe<bf16> weight;
  RowPack<bf16, 8> early[strips];

  __device__ explicit StripWeight(PerProbe<bf16> from) : weight(from) {}
  __device__ void load(const StripRows<strips>& place) {
#pragma unroll
    for (int s = 0; s < strips; ++s) {
      if (weight.data != nullptr && place.has(s))
        early[s] = load_pack<8>(weight.data + place.probe[0] * weight.stride + place.column(s));
    }
  }
  __device__ void get(const StripRows<strips>& place, int s, int r, float (&value)[8]) const {
    if (weight.data == nullptr)
      set_zero(value);
    else if (place.probe[r] == place.probe[0])
      unpack(early[s], value);
    else
      load_values(weight.data + place.probe[r] * weight.stride + place.column(s), value);
  }
};

template <int strips, class T>
__global__ void __launch_bounds__(512) norm_strips_kernel(const __grid_constant__ NormForward<T> a) {
  const LowRankProjections& pending = a.products.projections;
  const float* const t = a.products.t;
  const StripRows<strips> place(a.rows, a.width);
  const StripLane& lane = place.lane;
  StripPacks pack[strips];
  place.load(a.h, pack);
  const RowKey key = RowKeys(a.rows, pending, a.products.adapter).of(place.first + lane.g);
  float mean[1][2] = {}, square[1][2] = {};
#pragma unroll
  for (int s = 0; s < strips; ++s) {
    StripProducts<false> products(lane, pending, place.strip(s), t);
    const auto raise = [&](auto half) {
      StripValues value;
      unpack_half<decltype(half)::value>(pack[s], value);
      products.template add_half<decltype(half)::value>(lane, pending, t, place.first, place.total, key,
                                                        value);
      round_half<decltype(half)::value>(value, pack[s]);  // what is normed is what is stored
    };
    raise(std::integral_constant<std::uint32_t, 0>{});
    raise(std::integral_constant<std::uint32_t, 1>{});
#pragma unroll
    for (std::uint32_t r = 0; r < 2; ++r)
      if (place.has(s, r)) store_pack(pack[s][r], a.h + place.at(s, r));
  }
  StripWeight<strips> gains(a.gain), biases(a.bias);
  gains.load(place);
  biases.load(place);

  __shared__ StripSum<1> mean_sum, square_sum;
  const float share = 1.0F / static_cast<float>(a.width);
  if (a.kind == Norm::layer) {
#pragma unroll
    for (int s = 0; s < strips; ++s)
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float value[8];
        unpack(pack[s][r], value);
#pragma unroll
        for (int i = 0; i < 8; ++i) mean[0][r] += value[i];
      }
    strip_sum(lane, mean, mean_sum);
#pragma unroll
    for (int r = 0; r < 2; ++r) mean[0][r] *= share;
  } else {
    set_zero(mean[0]);
  }
#pragma unroll
  for (int s = 0; s < strips; ++s) {
    if (!place.has(s)) continue;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float value[8];
      unpack(pack[s][r], value);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        value[i] -= mean[0][r];
        square[0][r] = fmaf(value[i], value[i], square[0][r]);
      }
    }
  }
  strip_sum(lane, square, square_sum);

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float inverse = 1.0F / sqrtf(fmaf(square[0][r], share, a.eps));
#pragma unroll
    for (int s = 0; s < strips; ++s) {
      if (!place.has(s, static_cast<std::uint32_t>(r))) continue;
      float value[8], gain_value[8], bias_value[8];
      unpack(pack[s][r], value);
      gains.get(place, s, r, gain_value);
      biases.get(place, s, r, bias_value);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        value[i] = fmaf((value[i] - mean[0][r]) * inverse, gain_value[i] + a.offset, bias_value[i]);
      store_values(value, a.x + place.at(s, static_cast<std::uint32_t>(r)));
    }
  }
}

template <int strips, class T>
__global__ void __launch_bounds__(512)
    norm_backward_strips_kernel(const __grid_constant__ NormBackward<T> a) {
  const LowRankProjections& projections = a.products.projections;
  const float* const dt = a.products.t;
  const StripRows<strips> place(a.rows, a.width);
  const StripLane& lane = place.lane;
  StripPacks gradient_pack[strips], pack[strips], sum_pack[strips] = {};
  place.load(a.dx, gradient_pack);
  if (strips == 1) place.load(a.h, pack);
  const RowKey key = RowKeys(a.rows, projections, a.products.adapter).of(place.first + lane.g);
  StripWeight<strips> gains(a.gain);
  if (strips == 1) gains.load(place);
  StripValues gradient[strips];  // of the normed row
#pragma unroll
  for (int s = 0; s < strips; ++s) {
    StripProducts<false> products(lane, projections, place.strip(s), dt);
    const auto raise = [&](auto half) {
      unpack_half<decltype(half)::value>(gradient_pack[s], gradient[s]);
      products.template add_half<decltype(half)::value>(lane, projections, dt, place.first, place.total, key,
                                                        gradient[s]);
    };
    raise(std::integral_constant<std::uint32_t, 0>{});
    raise(std::integral_constant<std::uint32_t, 1>{});
  }
  if (strips > 1) {  // not before: registers run out
    place.load(a.h, pack);
    gains.load(place);
  }

  __shared__ StripSum<2> mean_sum, moment_sum;
  float mean[2][2] = {}, moment[2][2] = {};  // of values, then of gradients; squares, then products of both
#pragma unroll
  for (int s = 0; s < strips; ++s) {
    if (!place.has(s)) continue;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float value[8], gain_value[8];
      unpack(pack[s][r], value);
      gains.get(place, s, r, gain_value);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        gradient[s][r][i] *= gain_value[i] + a.offset;
        mean[0][r] += value[i];
        mean[1][r] += gradient[s][r][i];
      }
    }
  }
  const float share = 1.0F / static_cast<float>(a.width);
  if (a.kind == Norm::layer) strip_sum(lane, mean, mean_sum);
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int r = 0; r < 2; ++r) mean[i][r] = a.kind == Norm::layer ? mean[i][r] * share : 0.0F;
#pragma unroll
  for (int s = 0; s < strips; ++s) {
    if (!place.has(s)) continue;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float value[8];
      unpack(pack[s][r], value);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        value[i] -= mean[0][r];
        moment[0][r] = fmaf(value[i], value[i], moment[0][r]);
        moment[1][r] = fmaf(value[i], gradient[s][r][i], moment[1][r]);
      }
    }
  }
  if (a.accumulate) place.load(a.dh, sum_pack);
  strip_sum(lane, moment, moment_sum);

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float inverse = 1.0F / sqrtf(fmaf(moment[0][r], share, a.eps));
    const float shrink = moment[1][r] * share * inverse * inverse;
#pragma unroll
    for (int s = 0; s < strips; ++s) {
      if (!place.has(s, static_cast<std::uint32_t>(r))) continue;
      float value[8], sum[8];
      unpack(pack[s][r], value);
      unpack(sum_pack[s][r], sum);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        sum[i] += inverse * (gradient[s][r][i] - mean[1][r] - (value[i] - mean[0][r]) * shrink);
      store_values(sum, a.dh + place.at(s, static_cast<std::uint32_t>(r)));
    }
  }
}

/// Calls launch(strips, threads) for rows of this width if `most` strips a warp suffice; returns whether they
/// do. With several, blocks stay small enough for two on a multiprocessor where they can.
template <int most, class Launch>
bool with_strips(std::uint32_t width, const Launch& launch) {
  const unsigned strips = blocks_of(width, StripLane::columns);
  const auto call = [&](auto each) {
    launch(each, 32 * blocks_of(strips, std::size_t{decltype(each)::value}));
    return true;
  };
  if (strips <= 16) return call(std::integral_constant<int, 1>{});
  if (strips <= 16 * most) return call(std::integral_constant<int, most>{});
  return false;
}

}  // namespace zofo::tensor::cuda::detail
