/// @file Activations of bf16 rows with low-rank products, and their gradients, in strips (see
/// row_strips.cuh).
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/activation.cuh"
#include "cuda/kernels/strip_walk.cuh"

namespace zofo::tensor::cuda::detail {

/// activate_products_kernel (rows_activate.cuh) for bf16.
template <class T, Activation kind>
__global__ void __launch_bounds__(StripWalk::threads, kind != Activation::relu ? 2 : StripWalk::resident)
    activate_strips_kernel(const __grid_constant__ ActivationForward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  T* const pre = a.pre;
  const LowRankProjections& projections = a.products.projections;
  const float* const t = a.products.t;
  constexpr bool gated = kind != Activation::relu;
  constexpr std::uint32_t together = StripWalk::together;
  const StripLane lane;
  const std::uint32_t strip = StripWalk::strip(), column = lane.column(strip);
  if (strip >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  StripProducts<true> gate_products(lane, projections, strip, t);
  StripProducts<true> up_products(lane, projections, gated ? strip + ffn : strip, t);
  const RowKeys keys(a.rows, projections, a.products.adapter);
  const std::uint32_t total = keys.total();
  for (std::uint32_t i = 0; i < groups; ++i) {
    const std::uint32_t first = StripWalk::rows * (blockIdx.y * groups + i);
    if (first >= total) return;
    const LoadedStrips gates(lane, gate_products, projections, t, {pre, stride, first, total, column, ffn});
    // relu has no second half: an empty one
    const LoadedStrips ups(lane, up_products, projections, t,
                           {pre + (gated ? ffn : 0), stride, first, gated ? total : 0, column, ffn});
    RowKey key[together];
#pragma unroll
    for (std::uint32_t k = 0; k < together; ++k) key[k] = keys.of(first + StripLane::rows * k + lane.g);
#pragma unroll
    for (std::uint32_t k = 0; k < together; ++k) {
      const std::uint32_t row = first + StripLane::rows * k;
      StripValues gate, up;
      gates.get(k, gate);
      ups.get(k, up);
      gate_products.add(lane, projections, t, row, total, key[k], gates.coefficient[k], gate);
      if constexpr (gated) up_products.add(lane, projections, t, row, total, key[k], ups.coefficient[k], up);
#pragma unroll
      for (std::uint32_t r = 0; r < 2; ++r) {
        const std::uint32_t at = row + 2 * lane.q + r;
        if (at >= total || column >= ffn) continue;
        round_values<T>(gate[r]);
        round_values<T>(up[r]);
        if (a.save_pre) {
          store_values(gate[r], pre + at * stride + column);
          if constexpr (gated) store_values(up[r], pre + at * stride + ffn + column);
        }
        float result[8];
        activate_values<T, kind>(gate[r], up[r], result);
        store_values(result, a.y + std::size_t{at} * ffn + column);
      }
    }
  }
}

/// Its gradient.
template <class T, Activation kind>
__global__ void __launch_bounds__(StripWalk::threads, StripWalk::resident)
    activate_backward_strips_kernel(const __grid_constant__ ActivationBackward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  const LowRankProjections& projections = a.products.projections;
  const float* const dt = a.products.t;
  constexpr bool gated = kind != Activation::relu;
  const StripLane lane;
  const std::uint32_t strip = StripWalk::strip(), column = lane.column(strip);
  if (strip >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  StripProducts<true> products(lane, projections, strip, dt);
  const RowKeys keys(a.rows, projections, a.products.adapter);
  const std::uint32_t total = keys.total();
  for (std::uint32_t i = 0; i < StripWalk::together * groups; ++i) {
    const std::uint32_t first = StripLane::rows * (blockIdx.y * StripWalk::together * groups + i);
    if (first >= total) return;
    StripPacks gradient_pack, gate_pack, up_pack;
    load_strip(lane, a.dy, ffn, first, total, column, ffn, gradient_pack);
    load_strip(lane, a.pre, stride, first, total, column, ffn, gate_pack);
    load_strip(lane, a.pre + (gated ? ffn : 0), stride, first, gated ? total : 0, column, ffn, up_pack);
    const float4 coefficient = products.coefficients(projections, dt, first + lane.g, total);
    StripValues gradient;
#pragma unroll
    for (int r = 0; r < 2; ++r) unpack(gradient_pack[r], gradient[r]);
    products.add(lane, projections, dt, first, total, keys.of(first + lane.g), coefficient, gradient);
#pragma unroll
    for (std::uint32_t r = 0; r < 2; ++r) {
      const std::uint32_t at = first + 2 * lane.q + r;
      if (at >= total || column >= ffn) continue;
      float gate[8], up[8];
      unpack(gate_pack[r], gate);
      unpack(up_pack[r], up);
      activation_gradient<T, kind>(gradient[r], gate, up);
      store_values(gate, a.d_pre + at * stride + column);
      if constexpr (gated) store_values(up, a.d_pre + at * stride + ffn + column);
    }
  }
}

}  // namespace zofo::tensor::cuda::detail
