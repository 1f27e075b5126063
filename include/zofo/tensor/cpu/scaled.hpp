/// @file Scaled sums, and scaled and capped logits on the CPU.
#pragma once

#include <cstddef>

#include "zofo/tensor/cpu/geglu.hpp"

namespace zofo::tensor::cpu {

/// to = factor·x; `to` may be x.
inline void scaled(ConstView x, float factor, View to) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    float* yi = to.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) yi[j] = factor * xi[j];
  }
}

/// to = from + factor·x; `to` may be `from` or x.
inline void add_scaled(ConstView from, ConstView x, float factor, View to) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* hi = from.row(i);
    const float* xi = x.row(i);
    float* yi = to.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) yi[j] = hi[j] + factor * xi[j];
  }
}

/// x = scale·x, or cap·tanh(scale·x/cap) where cap > 0. Source: Gemma Team 2024, section 2 (soft-capping).
inline void soft_cap(View x, float scale, float cap) {
  if (cap <= 0.0F) return scaled(x, scale, x);
  const float inverse = scale / cap;
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    float* xi = x.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) xi[j] = cap * fast_tanh(inverse * xi[j]);
  }
}

/// d = the gradient of soft_cap for the output gradient d; y: what soft_cap wrote.
inline void soft_cap_backward(ConstView y, float scale, float cap, View d) {
  const float inverse = cap > 0.0F ? 1.0F / cap : 0.0F;
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < y.rows; ++i) {
    const float* yi = y.row(i);
    float* di = d.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < y.cols; ++j) {
      const float t = inverse * yi[j];
      di[j] *= scale * (1.0F - t * t);
    }
  }
}

}  // namespace zofo::tensor::cpu
