/// @file Queries, keys and values made ready for attention: low-rank products added, pairs turned by their
/// position (Su et al. 2021, eq. 34), in one pass.
#pragma once

#include "zofo/tensor/cuda/kernels/row_products.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// Which columns are turned by what; `columns` 0: none.
struct Rotation {
  std::uint32_t columns = 0;  ///< the first heads', together
  std::uint32_t dim = 0;      ///< of a head
  const float* cosines = nullptr;
  const float* sines = nullptr;
  float direction = 1.0F;
};

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
  const std::uint32_t half = rotation.dim / 2;
  const float* const cosines = rotation.cosines + std::size_t{position} * half;
  const float* const sines = rotation.sines + std::size_t{position} * half;
  if (rotation.dim % size == 0) {  // then the columns lie in one head
    const std::uint32_t first = column % rotation.dim / 2;
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
    finish_qkv_kernel(Rows rows, const std::uint32_t* position, const std::int32_t* adapter,
                      Rotation rotation, std::uint32_t stride, const __grid_constant__ LowRankSites sites,
                      const float* t, std::uint32_t groups, T* qkv) {
  constexpr int columns = ColumnWalk::columns, group_rows = ColumnWalk::rows;
  const std::uint32_t column = columns * (blockIdx.y * blockDim.x + threadIdx.x);
  const bool turned = column < rotation.columns;
  bool touched = turned;
  for (std::uint32_t s = 0; s < sites.count; ++s) touched |= reaches(sites.site[s], column, columns);
  if (!touched || column >= stride) return;
  FactorTile<columns, ranks> tile;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const std::uint32_t first = group_rows * (blockIdx.x * groups + g);
    if (first >= rows.tokens * rows.probes) return;
    const RowGroup<group_rows> group = row_group<group_rows>(rows, adapter, first);
    T* const at = qkv + std::size_t{first} * stride + column;
    float value[group_rows][columns];
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      set_zero(value[r]);
      if (r < group.count) load_values(at + std::size_t{r} * stride, value[r]);
    }
    add_products(sites, group, t, column, tile, value);
#pragma unroll
    for (std::uint32_t r = 0; r < group_rows; ++r) {
      if (r >= group.count) continue;
      if (turned) turn(rotation, position[(first + r) % rows.tokens], column, value[r]);
      store_values(value[r], at + std::size_t{r} * stride);
    }
  }
}

}  // namespace detail

template <class T>
void finish_qkv(cudaStream_t stream, const Rows& rows, const PackedTokens& packed,
                std::uint32_t rotated_heads, std::uint32_t dim, std::uint32_t stride,
                const LowRankSites& sites, const float* t, const float* cosines, const float* sines,
                float direction, T* qkv) {
  detail::Rotation rotation;
  if (cosines != nullptr) rotation = {rotated_heads * dim, dim, cosines, sines, direction};
  if (rows.count() == 0 || (sites.count == 0 && rotation.columns == 0)) return;
  if (sites.count == 0) {
    const unsigned threads = detail::threads_for(detail::blocks_of(rotation.columns, 8), 256);
    detail::rotate_kernel<T><<<static_cast<unsigned>(rows.count()), threads, 0, stream>>>(
        rows.tokens, packed.position, rotation, stride, qkv);
  } else {
    const detail::ColumnWalk walk(rows.count(), stride);
    const auto kernel =
        detail::tile_ranks(sites) == 4 ? &detail::finish_qkv_kernel<T, 4> : &detail::finish_qkv_kernel<T, 8>;
    kernel<<<walk.grid, detail::ColumnWalk::threads, 0, stream>>>(
        rows, packed.position, packed.adapter, rotation, stride, sites, t, walk.groups, qkv);
  }
  launched("finish_qkv");
}

}  // namespace zofo::tensor::cuda
