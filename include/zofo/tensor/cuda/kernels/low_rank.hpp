/// @file Products of adapters and of low-rank probes in one packed pass, and gradients of adapters. x and y
/// are T (bf16 or float), t and factors fp32. All projections of a call have the same `in`; in, out, y_at and
/// strides of y are multiples of 8, and x and y are aligned to 16 bytes. `adapter`: of each token, −1: none.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// t[row, t_at … ] = x[row] A_iᵀ for every projection; 0 for rows without an adapter in projections that are
/// not by probe. x: [rows, in], t: [rows, projections.t_width]. For bf16 x the factors have a relative
/// precision of 2⁻¹⁸; sums are fp32.
template <class T>
void low_rank_in(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                 const std::int32_t* adapter, const T* x, float* t);

/// y[row, y_at …] += scale_i·t B_iᵀ for every projection; y: [rows, y_stride].
template <class T>
void low_rank_out(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                  const std::int32_t* adapter, const float* t, T* y, std::uint32_t y_stride);

/// dt[row, t_at …] = scale_i·dy[row, y_at …] B_i, the gradient in t. dy: [rows, dy_stride].
template <class T>
void low_rank_back(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                   const std::int32_t* adapter, const T* dy, std::uint32_t dy_stride, float* dt);

/// dx[row] += dt A_i for every projection.
template <class T>
void low_rank_back_in(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                      const std::int32_t* adapter, const float* dt, T* dx);

/// Where the gradients of a projection's factors are written.
struct LowRankGradient {
  float* a = nullptr;      ///< of adapter 0, [rank, in]
  float* b = nullptr;      ///< of adapter 0, [out, rank]
  std::size_t stride = 0;  ///< entries from one adapter to the next
};

/// Floats of workspace that low_rank_gradients needs.
std::size_t low_rank_gradients_workspace(const Rows& rows, const LowRankProjections& projections,
                                         std::uint32_t adapters);

/// Arguments of low_rank_gradients.
template <class T>
struct LowRankGradients {
  Rows rows{};                            ///< of one probe
  LowRankProjections projections{};       ///< those that low_rank_in was given
  std::uint32_t adapters = 0;             ///< number of adapters
  const std::int32_t* adapter = nullptr;  ///< of each token, −1: none
  const T* x = nullptr;                   ///< [rows, in]
  const float* t = nullptr;               ///< x Aᵀ, [rows, projections.t_width]
  const T* dy = nullptr;                  ///< gradient of the output, [rows, dy_stride]
  std::uint32_t dy_stride = 0;            ///< distance of two rows of dy
  const float* dt = nullptr;              ///< from low_rank_back, [rows, projections.t_width]
  const LowRankGradient* gradient_of_projection = nullptr;  ///< in host memory, one per projection
  float* workspace = nullptr;                               ///< of low_rank_gradients_workspace floats
};

/// dB_i = scale·Σ_rows dy t, dA_i = Σ_rows dt x over the rows of adapter i, overwritten, for each projection
/// that is not by probe; one probe. Deterministic: partial sums in the workspace, added in a fixed order.
template <class T>
void low_rank_gradients(cudaStream_t stream, const LowRankGradients<T>& arguments);

}  // namespace zofo::tensor::cuda
