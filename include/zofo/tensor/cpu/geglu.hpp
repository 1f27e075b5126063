/// @file GeGLU on the CPU: a gated MLP with GELU, in the approximation by tanh.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::tensor::cpu {

/// tanh(x) to 2 ulp; written without branches so that loops over it vectorise (Cephes' polynomial below
/// 0.625).
inline float fast_tanh(float x) {
  const float z = x * x;
  float p = -5.70498872745e-3F;
  p = p * z + 2.06390887954e-2F;
  p = p * z - 5.37397155531e-2F;
  p = p * z + 1.33314422036e-1F;
  p = p * z - 3.33332819422e-1F;
  const float near = p * z * x + x;
  const float far = 1.0F - 2.0F / (fast_exp(2.0F * std::abs(x)) + 1.0F);
  return std::abs(x) < 0.625F ? near : std::copysign(far, x);
}

namespace detail {

inline constexpr float gelu_slope = 0.7978845608028654F;  // √(2/π)
inline constexpr float gelu_cubic = 0.044715F;

inline float gelu_tanh(float x) { return fast_tanh(gelu_slope * (x + gelu_cubic * x * x * x)); }

}  // namespace detail

/// y = gelu(gate) ∘ up for gate_up = [gate | up] a row, gelu(x) = x/2·(1 + tanh(√(2/π)(x + 0.044715x³))).
/// Sources: Hendrycks & Gimpel 2016; Shazeer 2020, GeGLU.
inline void geglu(ConstView gate_up, View y) {
  const std::size_t n = y.cols;
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < y.rows; ++i) {
    const float* gate = gate_up.row(i);
    const float* up = gate + n;
    float* out = y.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < n; ++j) out[j] = 0.5F * gate[j] * (1.0F + detail::gelu_tanh(gate[j])) * up[j];
  }
}

/// d_gate_up = the gradient of geglu at gate_up for the output gradient dy; may not alias.
inline void geglu_backward(ConstView gate_up, ConstView dy, View d_gate_up) {
  const std::size_t n = dy.cols;
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < dy.rows; ++i) {
    const float* gate = gate_up.row(i);
    const float* up = gate + n;
    const float* g = dy.row(i);
    float* d_gate = d_gate_up.row(i);
    float* d_up = d_gate + n;
#pragma omp simd
    for (std::size_t j = 0; j < n; ++j) {
      const float x = gate[j];
      const float t = detail::gelu_tanh(x);
      const float slope = detail::gelu_slope * (1.0F + 3.0F * detail::gelu_cubic * x * x);
      d_up[j] = g[j] * 0.5F * x * (1.0F + t);
      d_gate[j] = g[j] * up[j] * 0.5F * (1.0F + t + x * (1.0F - t * t) * slope);
    }
  }
}

}  // namespace zofo::tensor::cpu
