/// @file Row-major fp32 products on the CPU by the linked BLAS.
#pragma once

#include <cblas.h>

#include <cstddef>

namespace zofo::tensor::cpu {

/// A matrix somebody else owns: row i starts at data + i·stride.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  /// `count` rows from row `first` on.
  [[nodiscard]] MatrixView rows_from(std::size_t first, std::size_t count) const {
    return {data + first * stride, count, cols, stride};
  }
  /// `count` columns from column `first` on.
  [[nodiscard]] MatrixView cols_from(std::size_t first, std::size_t count) const {
    return {data + first, rows, count, stride};
  }
  [[nodiscard]] T* row(std::size_t i) const { return data + i * stride; }
  operator MatrixView<const T>() const {
    return {data, rows, cols, stride};
  }  // NOLINT(google-explicit-constructor)
};

using View = MatrixView<float>;
using ConstView = MatrixView<const float>;

/// A dense view: stride = cols.
inline View view(float* data, std::size_t rows, std::size_t cols) { return {data, rows, cols, cols}; }
inline ConstView view(const float* data, std::size_t rows, std::size_t cols) {
  return {data, rows, cols, cols};
}

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
