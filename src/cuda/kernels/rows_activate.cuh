/// @file Activations of the MLP: SwiGLU and GeGLU (Shazeer 2020), ReLU, and their gradients.
#pragma once

#include <type_traits>

#include "cuda/kernels/activation.cuh"
#include "cuda/kernels/row_products.cuh"
#include "cuda/kernels/rows_activate_strips.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// One pack of a row a thread. y may be pre.
template <class T, Activation kind>
__global__ void __launch_bounds__(256) activate_kernel(std::uint32_t ffn, const T* pre, T* y) {
  constexpr bool gated = kind != Activation::relu;
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
  constexpr bool gated = kind != Activation::relu;
  const std::uint32_t column = 8 * (blockIdx.y * blockDim.x + threadIdx.x);
  if (column >= ffn) return;
  const std::size_t at = std::size_t{blockIdx.x} * (gated ? 2 * ffn : ffn) + column;
  float gradient[8], gate[8], up[8];
  load_values(dy + std::size_t{blockIdx.x} * ffn + column, gradient);
  load_values(pre + at, gate);
  if constexpr (gated) load_values(pre + at + ffn, up);
  activation_gradient<T, kind>(gradient, gate, up);
  store_values(gate, d_pre + at);
  if constexpr (gated) store_values(up, d_pre + at + ffn);
}

/// The activation with products. What is activated is what T holds, saved or not, so that the passes with and
/// without a backward pass agree.
template <class T, Activation kind, int ranks>
__global__ void __launch_bounds__(ColumnWalk::threads, ColumnWalk::resident)
    activate_products_kernel(const __grid_constant__ ActivationForward<T> a, std::uint32_t groups) {
  const std::uint32_t ffn = a.ffn;
  T* const pre = a.pre;
  const LowRankProjections& projections = a.products.projections;
  const float* const t = a.products.t;
  constexpr int columns = ColumnWalk::columns, group_rows = ColumnWalk::rows;
  constexpr bool gated = kind != Activation::relu;
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
    add_products(projections, group, t, column, gate_tile, gate);
    if constexpr (gated) add_products(projections, group, t, column + ffn, up_tile, up);
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      if (r >= group.count) continue;
      round_values<T>(gate[r]);
      round_values<T>(up[r]);
      if (a.save_pre) {
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
  const LowRankProjections& projections = a.products.projections;
  const float* const dt = a.products.t;
  constexpr int columns = ColumnWalk::columns, group_rows = ColumnWalk::rows;
  constexpr bool gated = kind != Activation::relu;
  const std::uint32_t column = columns * (blockIdx.y * blockDim.x + threadIdx.x);
  if (column >= ffn) return;
  const std::size_t stride = gated ? 2 * ffn : ffn;
  FactorTile<columns, ranks> tile;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::uint32_t first = group_rows * (blockIdx.x * groups + g);
    if (first >= a.rows.tokens * a.rows.probes) return;
    const RowGroup<group_rows> group = row_group<group_rows>(a.rows, a.products.adapter, first);
    float gradient[group_rows][columns];
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      set_zero(gradient[r]);
      if (r < group.count) load_values(a.dy + (std::size_t{first} + r) * ffn + column, gradient[r]);
    }
    add_products(projections, group, dt, column, tile, gradient);
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      if (r >= group.count) continue;
      const std::size_t at = (std::size_t{first} + r) * stride + column;
      float gate[columns], up[columns];
      load_values(a.pre + at, gate);
      if constexpr (gated) load_values(a.pre + at + ffn, up);
      activation_gradient<T, kind>(gradient[r], gate, up);
      store_values(gate, a.d_pre + at);
      if constexpr (gated) store_values(up, a.d_pre + at + ffn);
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
  if (a.products.projections.count == 0) {
    const PackGrid grid(rows, a.ffn);
    activate_kernel<T, kind><<<grid.blocks, grid.threads, 0, stream>>>(a.ffn, a.pre, a.y);
    return;
  }
  if constexpr (std::is_same_v<T, bf16>) {
    const StripWalk walk(rows, a.ffn);
    activate_strips_kernel<T, kind><<<walk.grid, StripWalk::threads, 0, stream>>>(a, walk.groups);
  } else {
    const ColumnWalk walk(rows, a.ffn);
    const auto kernel = tile_ranks(a.products.projections) == 4 ? &activate_products_kernel<T, kind, 4>
                                                                : &activate_products_kernel<T, kind, 8>;
    kernel<<<walk.grid, ColumnWalk::threads, 0, stream>>>(a, walk.groups);
  }
}

template <class T, Activation kind>
void launch_activate_backward(cudaStream_t stream, const ActivationBackward<T>& arguments) {
  const std::size_t rows = arguments.rows.count();
  if (arguments.products.projections.count == 0) {
    const PackGrid grid(rows, arguments.ffn);
    activate_backward_kernel<T, kind><<<grid.blocks, grid.threads, 0, stream>>>(
        arguments.ffn, arguments.pre, arguments.dy, arguments.d_pre);
    return;
  }
  ActivationBackward<T> a = arguments;
  a.products.projections = turned_to_input(arguments.products.projections);
  if constexpr (std::is_same_v<T, bf16>) {
    const StripWalk walk(rows, a.ffn);
    activate_backward_strips_kernel<T, kind><<<walk.grid, StripWalk::threads, 0, stream>>>(a, walk.groups);
  } else {
    const ColumnWalk walk(rows, a.ffn);
    const auto kernel = tile_ranks(a.products.projections) == 4
                            ? &activate_backward_products_kernel<T, kind, 4>
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
  else if (arguments.kind == Activation::geglu)
    detail::launch_activate<T, Activation::geglu>(stream, arguments);
  else
    detail::launch_activate<T, Activation::relu>(stream, arguments);
  launched("activate");
}

template <class T>
void activate_backward(cudaStream_t stream, const ActivationBackward<T>& arguments) {
  if (arguments.rows.count() == 0) return;
  if (arguments.kind == Activation::swiglu)
    detail::launch_activate_backward<T, Activation::swiglu>(stream, arguments);
  else if (arguments.kind == Activation::geglu)
    detail::launch_activate_backward<T, Activation::geglu>(stream, arguments);
  else
    detail::launch_activate_backward<T, Activation::relu>(stream, arguments);
  launched("activate_backward");
}

}  // namespace zofo::tensor::cuda
