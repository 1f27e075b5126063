/// @file Queries, keys and values made ready for attention: low-rank products added, pairs turned by their
/// position (Su et al. 2021, eq. 34), in one pass.
#pragma once

#include <type_traits>

#include "cuda/kernels/row_products.cuh"
#include "cuda/kernels/strip_walk.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// (a, b) turned by an angle.
__device__ inline void turn_pair(float& a, float& b, float cosine, float sine) {
  const float turned = a * cosine - b * sine;
  b = fmaf(a, sine, b * cosine);
  a = turned;
}

/// Turns the pairs among columns column … column + size − 1 that belong to turned heads; `column` is even.
template <int size>
__device__ inline void turn(const Rotation& rotation, std::uint32_t position, std::uint32_t column,
                            float (&value)[size]) {
  const std::uint32_t half = rotation.turned / 2;
  const float* const cosines = rotation.cosines + std::size_t{position} * half;
  const float* const sines = rotation.sines + std::size_t{position} * half;
  if (rotation.dim % size == 0 && rotation.turned % 8 == 0) {  // then the columns belong to one head
    const std::uint32_t first = column % rotation.dim / 2;
    if (first >= half) return;
    float cosine[size / 2], sine[size / 2];
    load_values(cosines + first, cosine);
    load_values(sines + first, sine);
#pragma unroll
    for (int i = 0; i < size / 2; ++i)
      turn_pair(value[2 * i], value[2 * i + 1], cosine[i], rotation.direction * sine[i]);
    return;
  }
#pragma unroll
  for (std::uint32_t i = 0; i < size; i += 2) {
    if (column + i >= rotation.columns) continue;
    const std::uint32_t pair = (column + i) % rotation.dim / 2;
    if (pair >= half) continue;
    turn_pair(value[i], value[i + 1], cosines[pair], rotation.direction * sines[pair]);
  }
}

template <class T>
__global__ void __launch_bounds__(256) rotate_kernel(std::uint32_t tokens, const std::uint32_t* position,
                                                     Rotation rotation, std::uint32_t stride, T* qkv) {
  const std::uint32_t place = position[blockIdx.x % tokens];
  T* const row = qkv + std::size_t{blockIdx.x} * stride;
  for (std::uint32_t column = 8 * threadIdx.x; column < rotation.columns; column += 8 * blockDim.x) {
    float value[8];
    load_values(row + column, value);
    turn(rotation, place, column, value);
    store_values(value, row + column);
  }
}

template <class T, int ranks>
__global__ void __launch_bounds__(ColumnWalk::threads, ColumnWalk::resident)
    finish_qkv_kernel(const __grid_constant__ QkvFinish<T> a, std::uint32_t groups) {
  constexpr int columns = ColumnWalk::columns, group_rows = ColumnWalk::rows;
  const Rows& rows = a.rows;
  const Rotation& rotation = a.rotation;
  const LowRankProjections& projections = a.products.projections;
  const std::uint32_t stride = a.stride;
  const std::uint32_t column = columns * (blockIdx.y * blockDim.x + threadIdx.x);
  const bool turned = column < rotation.columns;
  bool touched = turned;
  for (std::uint32_t s = 0; s < projections.count; ++s)
    touched |= reaches(projections.projection[s], column, columns);
  if (!touched || column >= stride) return;
  FactorTile<columns, ranks> tile;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::uint32_t first = group_rows * (blockIdx.x * groups + g);
    if (first >= rows.tokens * rows.probes) return;
    const RowGroup<group_rows> group = row_group<group_rows>(rows, a.products.adapter, first);
    T* const at = a.qkv + std::size_t{first} * stride + column;
    float value[group_rows][columns];
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      set_zero(value[r]);
      if (r < group.count) load_values(at + std::size_t{r} * stride, value[r]);
    }
    add_products(projections, group, a.products.t, column, tile, value);
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      if (r >= group.count) continue;
      if (turned) turn(rotation, a.position[(first + r) % rows.tokens], column, value[r]);
      store_values(value[r], at + std::size_t{r} * stride);
    }
  }
}

/// The same for bf16.
template <class T, bool turns>
__global__ void __launch_bounds__(StripWalk::threads, turns ? 3 : StripWalk::resident)
    finish_qkv_strips_kernel(const __grid_constant__ QkvFinish<T> a, std::uint32_t groups) {
  constexpr std::uint32_t together = StripWalk::together;
  const Rotation& rotation = a.rotation;
  const LowRankProjections& projections = a.products.projections;
  const float* const t = a.products.t;
  const std::uint32_t stride = a.stride;
  const StripLane lane;
  const std::uint32_t strip = StripWalk::strip(), column = lane.column(strip);
  if (strip >= stride) return;
  StripProducts<true> products(lane, projections, strip, t);
  if (products.quads == 0 && !(turns && strip < rotation.columns)) return;
  const RowKeys keys(a.rows, projections, a.products.adapter);
  const std::uint32_t total = keys.total();
  for (std::uint32_t i = 0; i < groups; ++i) {
    const std::uint32_t first = StripWalk::rows * (blockIdx.y * groups + i);
    if (first >= total) return;
    const LoadedStrips loaded(lane, products, projections, t, {a.qkv, stride, first, total, column, stride});
    RowKey key[together];
#pragma unroll
    for (std::uint32_t k = 0; k < together; ++k) key[k] = keys.of(first + StripLane::rows * k + lane.g);
#pragma unroll
    for (std::uint32_t k = 0; k < together; ++k) {
      const std::uint32_t row = first + StripLane::rows * k;
      StripValues value;
      loaded.get(k, value);
      products.add(lane, projections, t, row, total, key[k], loaded.coefficient[k], value);
#pragma unroll
      for (std::uint32_t r = 0; r < 2; ++r) {
        const std::uint32_t at = row + 2 * lane.q + r;
        if (at >= total || column >= stride) continue;
        if (turns && column < rotation.columns)
          turn(rotation, a.position[at % a.rows.tokens], column, value[r]);
        store_values(value[r], a.qkv + std::size_t{at} * stride + column);
      }
    }
  }
}

}  // namespace detail

template <class T>
void finish_qkv(cudaStream_t stream, const QkvFinish<T>& arguments) {
  QkvFinish<T> a = arguments;
  if (a.rotation.cosines == nullptr) a.rotation = {};
  const std::size_t rows = a.rows.count();
  const LowRankProjections& projections = a.products.projections;
  if (rows == 0 || (projections.count == 0 && a.rotation.columns == 0)) return;
  if (projections.count == 0) {
    const unsigned threads = detail::threads_for(detail::blocks_of(a.rotation.columns, 8), 256);
    detail::rotate_kernel<T><<<static_cast<unsigned>(rows), threads, 0, stream>>>(
        a.rows.tokens, a.position, a.rotation, a.stride, a.qkv);
  } else if constexpr (std::is_same_v<T, bf16>) {
    const detail::StripWalk walk(rows, a.stride);
    const auto kernel = a.rotation.columns > 0 ? &detail::finish_qkv_strips_kernel<T, true>
                                               : &detail::finish_qkv_strips_kernel<T, false>;
    kernel<<<walk.grid, detail::StripWalk::threads, 0, stream>>>(a, walk.groups);
  } else {
    const detail::ColumnWalk walk(rows, a.stride);
    const auto kernel = detail::tile_ranks(projections) == 4 ? &detail::finish_qkv_kernel<T, 4>
                                                             : &detail::finish_qkv_kernel<T, 8>;
    kernel<<<walk.grid, detail::ColumnWalk::threads, 0, stream>>>(a, walk.groups);
  }
  launched("finish_qkv");
}

}  // namespace zofo::tensor::cuda
