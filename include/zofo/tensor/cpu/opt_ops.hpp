/// @file Row-wise operations that OPT-type blocks add on the CPU: LayerNorm, ReLU, biases.
#pragma once

#include <cmath>
#include <cstddef>

#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::tensor::cpu {

namespace detail {

/// Mean of a row and reciprocal of its standard deviation.
struct RowMoments {
  float mean;
  float inverse_deviation;
};

// Two passes: Σ x² − n·mean² loses all digits where the mean is large next to the deviation.
inline RowMoments row_moments(const float* x, std::size_t n, float eps) {
  const auto count = static_cast<float>(n);
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += x[i];
  const float mean = sum / count;
  float square = 0.0F;
#pragma omp simd reduction(+ : square)
  for (std::size_t i = 0; i < n; ++i) square += (x[i] - mean) * (x[i] - mean);
  return {mean, 1.0F / std::sqrt(square / count + eps)};
}

}  // namespace detail

/// y = (x − mean(x)) / √(var(x) + eps) ∘ gain + bias, row by row; var divides by the row's length. y may be
/// x. Source: Ba, Kiros & Hinton 2016, eq. 4.
inline void layer_norm(ConstView x, const float* gain, const float* bias, float eps, View y) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    float* yi = y.row(i);
    const detail::RowMoments moments = detail::row_moments(xi, x.cols, eps);
    const float mean = moments.mean;
    const float inverse = moments.inverse_deviation;
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) yi[j] = (xi[j] - mean) * inverse * gain[j] + bias[j];
  }
}

/// dx += the gradient of layer_norm at x for the output gradient dy; it does not depend on the bias.
inline void layer_norm_backward(ConstView x, const float* gain, float eps, ConstView dy, View dx) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    const float* gi = dy.row(i);
    float* di = dx.row(i);
    const detail::RowMoments moments = detail::row_moments(xi, x.cols, eps);
    const float mean = moments.mean;
    const float inverse = moments.inverse_deviation;
    float sum = 0.0F;
    float dot = 0.0F;
#pragma omp simd reduction(+ : sum, dot)
    for (std::size_t j = 0; j < x.cols; ++j) {
      sum += gi[j] * gain[j];
      dot += gi[j] * gain[j] * (xi[j] - mean);
    }
    const float shift = sum / static_cast<float>(x.cols);
    const float shrink = dot * inverse * inverse / static_cast<float>(x.cols);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j)
      di[j] += inverse * (gi[j] * gain[j] - shift - (xi[j] - mean) * shrink);
  }
}

/// y = max(x, 0); y may be x. NaN stays NaN.
inline void relu(ConstView x, View y) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    float* yi = y.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) yi[j] = xi[j] < 0.0F ? 0.0F : xi[j];
  }
}

/// dx = the gradient of relu for the output gradient dy (0 at 0), overwritten; x may be relu's input or its
/// output, which have the same signs. dx may be dy.
inline void relu_backward(ConstView x, ConstView dy, View dx) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    const float* gi = dy.row(i);
    float* di = dx.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) di[j] = xi[j] > 0.0F ? gi[j] : 0.0F;
  }
}

/// Adds the same bias to every row of y.
inline void add_rows(const float* bias, View y) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < y.rows; ++i) {
    float* yi = y.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < y.cols; ++j) yi[j] += bias[j];
  }
}

}  // namespace zofo::tensor::cpu
