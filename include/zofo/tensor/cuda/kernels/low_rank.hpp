/// @file Products of adapters and of low-rank probes in one packed pass, and adapters' gradients. x and y are
/// T (bf16 or float), t and factors fp32. All sites of a call have one `in`; in, out, y_at and strides of y
/// are multiples of 8, and x and y start on 16 bytes.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// t[row, t_at … ] = x[row] A_iᵀ for every site; rows without an adapter get 0 at by-adapter sites. x: [rows,
/// in], t: [rows, sites.t_width]. For bf16 x the factors count to 2⁻¹⁸ of themselves; sums are fp32.
template <class T>
void low_rank_in(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                 const std::int32_t* adapter, const T* x, float* t);

/// y[row, y_at …] += scale_i·t B_iᵀ for every site; y: [rows, y_stride].
template <class T>
void low_rank_out(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                  const std::int32_t* adapter, const float* t, T* y, std::uint32_t y_stride);

/// dt[row, t_at …] = scale_i·dy[row, y_at …] B_i, the gradient in t. dy: [rows, dy_stride].
template <class T>
void low_rank_back(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                   const std::int32_t* adapter, const T* dy, std::uint32_t dy_stride, float* dt);

/// dx[row] += dt A_i of every site.
template <class T>
void low_rank_back_in(cudaStream_t stream, const Rows& rows, const LowRankProjections& projections,
                      const std::int32_t* adapter, const float* dt, T* dx);

/// Where the gradients of a site's factors go: of adapter i to a + i·stride and b + i·stride (b laid out
/// [out, rank]).
struct LowRankGradient {
  float* a = nullptr;
  float* b = nullptr;
  std::size_t stride = 0;
};

/// Floats of workspace that low_rank_gradients needs.
std::size_t low_rank_gradients_workspace(const Rows& rows, const LowRankProjections& projections,
                                         std::uint32_t adapters);

/// Arguments of low_rank_gradients.
template <class T>
struct LowRankGradients {
  Rows rows{};
  LowRankProjections projections{};
  std::uint32_t adapters = 0;             ///< how many there are
  const std::int32_t* adapter = nullptr;  ///< of each token, −1: none
  const T* x = nullptr;                   ///< [rows, in]
  const float* t = nullptr;               ///< x Aᵀ, [rows, sites.t_width]
  const T* dy = nullptr;                  ///< [rows, dy_stride]
  std::uint32_t dy_stride = 0;
  const float* dt = nullptr;  ///< as low_rank_back wrote it, [rows, sites.t_width]
  const LowRankGradient* gradient_of_projection = nullptr;  ///< on the host, one a site
  float* workspace = nullptr;                               ///< of low_rank_gradients_workspace floats
};

/// dB_i = scale·Σ_rows dy t, dA_i = Σ_rows dt x over the rows of adapter i, overwritten, for each by-adapter
/// site (one probe). Deterministic: partial sums in the workspace, added in a fixed order.
template <class T>
void low_rank_gradients(cudaStream_t stream, const LowRankGradients<T>& arguments);

}  // namespace zofo::tensor::cuda
