/// @file Activations of the feed-forward half: SwiGLU (Shazeer 2020) and ReLU, and their gradients.
#pragma once

#include <type_traits>

#include "cuda/kernels/row_products.cuh"
#include "cuda/kernels/row_strips.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// 1 / (1 + e^−x), to the precision that T deserves.
template <class T>
__device__ inline float logistic(float x) {
  if constexpr (std::is_same_v<T, float>)
    return 1.0F / (1.0F + expf(-x));
  else
    return __fdividef(1.0F, 1.0F + __expf(-x));
}

/// max(x, 0), but a NaN stays one, so that a diverged run is seen.
__device__ inline float rectified(float x) { return x < 0.0F ? 0.0F : x; }

/// A row of what the activation reads: `stride` entries, the gate (or relu's input) first, up from `up_at`
/// on.
struct ActivationRow {
  std::uint32_t stride, up_at;
};

/// y = activation of `size` neighbouring columns; `up` is unused by relu.
template <class T, Activation kind, int size>
__device__ inline void activate_values(const float (&gate)[size], const float (&up)[size], float (&y)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i)
    y[i] = kind == Activation::swiglu ? gate[i] * logistic<T>(gate[i]) * up[i] : rectified(gate[i]);
}

/// (gate, up) = their gradients for the output gradient dy.
template <class T, Activation kind, int size>
__device__ inline void activation_gradient(const float (&dy)[size], float (&gate)[size], float (&up)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i) {
    const float g = gate[i];
    if constexpr (kind == Activation::swiglu) {
      const float sigma = logistic<T>(g);
      const float by_gate = dy[i] * up[i] * sigma * (1.0F + g * (1.0F - sigma));
      up[i] = dy[i] * g * sigma;
      gate[i] = by_gate;
    } else {
      gate[i] = g > 0.0F ? dy[i] : 0.0F;
    }
  }
}

/// One pack of a row a thread. y may be pre.
template <class T, Activation kind>
__global__ void __launch_bounds__(256) activate_kernel(std::uint32_t ffn, const T* pre, T* y) {
  constexpr bool gated = kind == Activation::swiglu;
  const std::uint32_t column = 8 * (blockIdx.y * blockDim.x + threadIdx.x);
  if (column >= ffn) return;
  const T* const from = pre + std::size_t{blockIdx.x} * (gated ? 2 * ffn : ffn) + column;
  float gate[8], up[8], result[8];
  load_values(from, gate);
  if constexpr (gated) load_values(from + ffn, up);
  activate_values<T, kind>(gate, up, result);
  store_values(result, y + std::size_t{blockIdx.x} * ffn + column);
}

template <class T, Activation kind>
__global__ void __launch_bounds__(256)
    activate_backward_kernel(std::uint32_t ffn, const T* pre, const T* dy, T* d_pre) {
  constexpr bool gated = kind == Activation::swiglu;
  const std::uint32_t column = 8 * (blockIdx.y * blockDim.x + threadIdx.x);
  if (column >= ffn) return;
  const std::size_t at = std::size_t{blockIdx.x} * (gated ? 2 * ffn : ffn) + column;
  float slope[8], gate[8], up[8];
  load_values(dy + std::size_t{blockIdx.x} * ffn + column, slope);
  load_values(pre + at, gate);
  if constexpr (gated) load_values(pre + at + ffn, up);
  activation_gradient<T, kind>(slope, gate, up);
  store_values(gate, d_pre + at);
  if constexpr (gated) store_values(up, d_pre + at + ffn);
}

/// value = what T would hold of it.
template <class T, int size>
__device__ inline void round_values(float (&value)[size]) {
  unpack(rounded(value, static_cast<const T*>(nullptr)), value);
}

/// The activation with products. What is activated is what T holds, kept or not, so that the passes with and
/// without a backward pass agree.
template <class T, Activation kind, int ranks>
__global__ void __launch_bounds__(ColumnWalk::threads, ColumnWalk::resident)
    activate_products_kernel(const __grid_constant__ ActivationForward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  T* const pre = a.pre;
  const LowRankSites& sites = a.products.sites;
  const float* const t = a.products.t;
  constexpr int columns = ColumnWalk::columns, group_rows = ColumnWalk::rows;
  constexpr bool gated = kind == Activation::swiglu;
  const std::uint32_t column = columns * (blockIdx.y * blockDim.x + threadIdx.x);
  if (column >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  FactorTile<columns, ranks> gate_tile, up_tile;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::uint32_t first = group_rows * (blockIdx.x * groups + g);
    if (first >= a.rows.tokens * a.rows.probes) return;
    const RowGroup<group_rows> group = row_group<group_rows>(a.rows, a.products.adapter, first);
    T* const from = pre + std::size_t{first} * stride + column;
    float gate[group_rows][columns], up[group_rows][columns];
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      set_zero(gate[r]);
      set_zero(up[r]);
      if (r >= group.count) continue;
      load_values(from + r * stride, gate[r]);
      if constexpr (gated) load_values(from + r * stride + ffn, up[r]);
    }
    add_products(sites, group, t, column, gate_tile, gate);
    if constexpr (gated) add_products(sites, group, t, column + ffn, up_tile, up);
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      if (r >= group.count) continue;
      round_values<T>(gate[r]);
      round_values<T>(up[r]);
      if (a.keep_pre) {
        store_values(gate[r], from + r * stride);
        if constexpr (gated) store_values(up[r], from + r * stride + ffn);
      }
      float result[columns];
      activate_values<T, kind>(gate[r], up[r], result);
      store_values(result, a.y + (std::size_t{first} + r) * ffn + column);
    }
  }
}

template <class T, Activation kind, int ranks>
__global__ void __launch_bounds__(ColumnWalk::threads, ColumnWalk::resident)
    activate_backward_products_kernel(const __grid_constant__ ActivationBackward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  const LowRankSites& sites = a.products.sites;
  const float* const dt = a.products.t;
  constexpr int columns = ColumnWalk::columns, group_rows = ColumnWalk::rows;
  constexpr bool gated = kind == Activation::swiglu;
  const std::uint32_t column = columns * (blockIdx.y * blockDim.x + threadIdx.x);
  if (column >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  FactorTile<columns, ranks> tile;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::uint32_t first = group_rows * (blockIdx.x * groups + g);
    if (first >= a.rows.tokens * a.rows.probes) return;
    const RowGroup<group_rows> group = row_group<group_rows>(a.rows, a.products.adapter, first);
    float slope[group_rows][columns];
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      set_zero(slope[r]);
      if (r < group.count) load_values(a.dy + (std::size_t{first} + r) * ffn + column, slope[r]);
    }
    add_products(sites, group, dt, column, tile, slope);
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      if (r >= group.count) continue;
      const std::size_t at = (std::size_t{first} + r) * stride + column;
      float gate[columns], up[columns];
      load_values(a.pre + at, gate);
      if constexpr (gated) load_values(a.pre + at + ffn, up);
      activation_gradient<T, kind>(slope[r], gate, up);
      store_values(gate, a.d_pre + at);
      if constexpr (gated) store_values(up, a.d_pre + at + ffn);
    }
  }
}

/// activate_products_kernel for bf16.
template <class T, Activation kind>
__global__ void __launch_bounds__(StripWalk::threads, kind == Activation::swiglu ? 2 : StripWalk::resident)
    activate_strips_kernel(const __grid_constant__ ActivationForward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  T* const pre = a.pre;
  const LowRankSites& sites = a.products.sites;
  const float* const t = a.products.t;
  constexpr bool gated = kind == Activation::swiglu;
  constexpr std::uint32_t together = StripWalk::together;
  const StripLane lane;
  const std::uint32_t strip = StripWalk::strip(), column = lane.column(strip);
  if (strip >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  StripProducts<true> gate_products(lane, sites, strip, t);
  StripProducts<true> up_products(lane, sites, gated ? strip + ffn : strip, t);
  const RowKeys keys(a.rows, sites, a.products.adapter);
  const std::uint32_t total = keys.total();
  for (std::uint32_t i = 0; i < groups; ++i) {
    const std::uint32_t first = StripWalk::rows * (blockIdx.y * groups + i);
    if (first >= total) return;
    const LoadedStrips gates(lane, gate_products, sites, t, {pre, stride, first, total, column, ffn});
    // relu has no second half: an empty one
    const LoadedStrips ups(lane, up_products, sites, t,
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
      gate_products.add(lane, sites, t, row, total, key[k], gates.coefficient[k], gate);
      if constexpr (gated) up_products.add(lane, sites, t, row, total, key[k], ups.coefficient[k], up);
#pragma unroll
      for (std::uint32_t r = 0; r < 2; ++r) {
        const std::uint32_t at = row + 2 * lane.q + r;
        if (at >= total || column >= ffn) continue;
        round_values<T>(gate[r]);
        round_values<T>(up[r]);
        if (a.keep_pre) {
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

/// activate_backward_products_kernel for bf16.
template <class T, Activation kind>
__global__ void __launch_bounds__(StripWalk::threads, StripWalk::resident)
    activate_backward_strips_kernel(const __grid_constant__ ActivationBackward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  const LowRankSites& sites = a.products.sites;
  const float* const dt = a.products.t;
  constexpr bool gated = kind == Activation::swiglu;
  const StripLane lane;
  const std::uint32_t strip = StripWalk::strip(), column = lane.column(strip);
  if (strip >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  StripProducts<true> products(lane, sites, strip, dt);
  const RowKeys keys(a.rows, sites, a.products.adapter);
  const std::uint32_t total = keys.total();
  for (std::uint32_t i = 0; i < StripWalk::together * groups; ++i) {
    const std::uint32_t first = StripLane::rows * (blockIdx.y * StripWalk::together * groups + i);
    if (first >= total) return;
    StripPacks slope_pack, gate_pack, up_pack;
    load_strip(lane, a.dy, ffn, first, total, column, ffn, slope_pack);
    load_strip(lane, a.pre, stride, first, total, column, ffn, gate_pack);
    load_strip(lane, a.pre + (gated ? ffn : 0), stride, first, gated ? total : 0, column, ffn, up_pack);
    const float4 coefficient = products.coefficients(sites, dt, first + lane.g, total);
    StripValues slope;
#pragma unroll
    for (int r = 0; r < 2; ++r) unpack(slope_pack[r], slope[r]);
    products.add(lane, sites, dt, first, total, keys.of(first + lane.g), coefficient, slope);
#pragma unroll
    for (std::uint32_t r = 0; r < 2; ++r) {
      const std::uint32_t at = first + 2 * lane.q + r;
      if (at >= total || column >= ffn) continue;
      float gate[8], up[8];
      unpack(gate_pack[r], gate);
      unpack(up_pack[r], up);
      activation_gradient<T, kind>(slope[r], gate, up);
      store_values(gate, a.d_pre + at * stride + column);
      if constexpr (gated) store_values(up, a.d_pre + at * stride + ffn + column);
    }
  }
}

/// The grid of kernels that give each thread one pack of a row.
struct PackGrid {
  unsigned threads;
  dim3 blocks;
  PackGrid(std::size_t rows, std::uint32_t width)
      : threads(threads_for(width / 8, 256)),
        blocks(static_cast<unsigned>(rows), blocks_of(width / 8, threads)) {}
};

template <class T, Activation kind>
void launch_activate(cudaStream_t stream, const ActivationForward<T>& a) {
  const std::size_t rows = a.rows.count();
  if (a.products.sites.count == 0) {
    const PackGrid grid(rows, a.ffn);
    activate_kernel<T, kind><<<grid.blocks, grid.threads, 0, stream>>>(a.ffn, a.pre, a.y);
    return;
  }
  if constexpr (std::is_same_v<T, bf16>) {
    const StripWalk walk(rows, a.ffn);
    activate_strips_kernel<T, kind><<<walk.grid, StripWalk::threads, 0, stream>>>(a, walk.groups);
  } else {
    const ColumnWalk walk(rows, a.ffn);
    const auto kernel = tile_ranks(a.products.sites) == 4 ? &activate_products_kernel<T, kind, 4>
                                                          : &activate_products_kernel<T, kind, 8>;
    kernel<<<walk.grid, ColumnWalk::threads, 0, stream>>>(a, walk.groups);
  }
}

template <class T, Activation kind>
void launch_activate_backward(cudaStream_t stream, const ActivationBackward<T>& arguments) {
  const std::size_t rows = arguments.rows.count();
  if (arguments.products.sites.count == 0) {
    const PackGrid grid(rows, arguments.ffn);
    activate_backward_kernel<T, kind><<<grid.blocks, grid.threads, 0, stream>>>(
        arguments.ffn, arguments.pre, arguments.dy, arguments.d_pre);
    return;
  }
  ActivationBackward<T> a = arguments;
  a.products.sites = turned_to_input(arguments.products.sites);
  if constexpr (std::is_same_v<T, bf16>) {
    const StripWalk walk(rows, a.ffn);
    activate_backward_strips_kernel<T, kind><<<walk.grid, StripWalk::threads, 0, stream>>>(a, walk.groups);
  } else {
    const ColumnWalk walk(rows, a.ffn);
    const auto kernel = tile_ranks(a.products.sites) == 4 ? &activate_backward_products_kernel<T, kind, 4>
                                                          : &activate_backward_products_kernel<T, kind, 8>;
    kernel<<<walk.grid, ColumnWalk::threads, 0, stream>>>(a, walk.groups);
  }
}

}  // namespace detail

template <class T>
void activate(cudaStream_t stream, const ActivationForward<T>& arguments) {
  if (arguments.rows.count() == 0) return;
  if (arguments.kind == Activation::swiglu)
    detail::launch_activate<T, Activation::swiglu>(stream, arguments);
  else
    detail::launch_activate<T, Activation::relu>(stream, arguments);
  launched("activate");
}

template <class T>
void activate_backward(cudaStream_t stream, const ActivationBackward<T>& arguments) {
  if (arguments.rows.count() == 0) return;
  if (arguments.kind == Activation::swiglu)
    detail::launch_activate_backward<T, Activation::swiglu>(stream, arguments);
  else
    detail::launch_activate_backward<T, Activation::relu>(stream, arguments);
  launched("activate_backward");
}

}  // namespace zofo::tensor::cuda
