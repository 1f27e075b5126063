/// @file Row-major fp32 products on the CPU by the linked BLAS.
#pragma once

#include <cblas.h>

#include <cstddef>

#include "zofo/tensor/view.hpp"

namespace zofo::tensor::cpu {

///@{
/// fp32 matrices.
using View = MatrixView<float>;
using ConstView = MatrixView<const float>;
///@}
using tensor::view;

namespace detail {
inline void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, std::size_t inner, float alpha, ConstView a,
                 ConstView b, float beta, View c) {
  if (c.rows == 0 || c.cols == 0) return;
  cblas_sgemm(CblasRowMajor, ta, tb, static_cast<int>(c.rows), static_cast<int>(c.cols),
              static_cast<int>(inner), alpha, a.data, static_cast<int>(a.stride), b.data,
              static_cast<int>(b.stride), beta, c.data, static_cast<int>(c.stride));
}
}  // namespace detail

/// c = alpha·a bᵀ + beta·c, the forward product of a layer whose weight is [out, in].
inline void gemm_nt(float alpha, ConstView a, ConstView b, float beta, View c) {
  detail::gemm(CblasNoTrans, CblasTrans, a.cols, alpha, a, b, beta, c);
}
/// c = alpha·a b + beta·c, the activation gradient of such a layer.
inline void gemm_nn(float alpha, ConstView a, ConstView b, float beta, View c) {
  detail::gemm(CblasNoTrans, CblasNoTrans, a.cols, alpha, a, b, beta, c);
}
/// c = alpha·aᵀ b + beta·c, the weight gradient (adapters only).
inline void gemm_tn(float alpha, ConstView a, ConstView b, float beta, View c) {
  detail::gemm(CblasTrans, CblasNoTrans, a.rows, alpha, a, b, beta, c);
}

}  // namespace zofo::tensor::cpu
