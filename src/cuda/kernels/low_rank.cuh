/// @file Products of adapters and of low-rank probes: the launchers.
#pragma once

#include "cuda/kernels/low_rank_dots.cuh"
#include "cuda/kernels/low_rank_gradients.cuh"
#include "cuda/kernels/row_products.cuh"
#include "zofo/tensor/cuda/kernels/low_rank.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

template <class T>
void low_rank_in(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                 const std::int32_t* adapter, const T* x, float* t) {
  if (projections.count == 0) return;
  detail::dots<T>(
      {stream, rows, detail::turned_to_input(projections), adapter, x, projections.projection[0].in, t});
  launched("low_rank_in");
}

template <class T>
void low_rank_back(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                   const std::int32_t* adapter, const T* dy, std::uint32_t dy_stride, float* dt) {
  if (projections.count == 0) return;
  detail::dots<T>({stream, rows, projections, adapter, dy, dy_stride, dt});
  launched("low_rank_back");
}

// What makes queries and keys ready adds products to any matrix if nothing is to be turned.
template <class T>
void low_rank_out(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                  const std::int32_t* adapter, const float* t, T* y, std::uint32_t y_stride) {
  if (projections.count == 0) return;
  finish_qkv<T>(stream, {.rows = rows, .products = {projections, adapter, t}, .stride = y_stride, .qkv = y});
}

template <class T>
void low_rank_back_in(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                      const std::int32_t* adapter, const float* dt, T* dx) {
  if (projections.count == 0) return;
  low_rank_out<T>(stream, rows, detail::turned_to_input(projections), adapter, dt, dx,
                  projections.projection[0].in);
}

}  // namespace zofo::tensor::cuda
