/// @file Row-wise and element-wise operations of the transformer on the CPU, vectorised by the compiler.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::tensor::cpu {

/// e^x for |x| < 87 to 2 ulp, clamped outside; written without branches so that loops over it vectorise
/// (Cephes' degree-5 polynomial).
inline float fast_exp(float x) {
  constexpr float round_magic = 12582912.0F;  // 1.5·2^23: adding it rounds to the nearest integer
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float n = (x * 1.44269504F + round_magic) - round_magic;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

/// Reciprocal root mean square of a row.
inline float inverse_rms(const float* x, std::size_t n, float eps) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return 1.0F / std::sqrt(sum / static_cast<float>(n) + eps);
}

/// y = x / rms(x) ∘ (gain + offset), row by row. Source: Zhang & Sennrich 2019, eq. 4.
inline void rms_norm(ConstView x, const float* gain, float eps, View y, float offset = 0.0F) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    float* yi = y.row(i);
    const float inverse = inverse_rms(xi, x.cols, eps);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) yi[j] = xi[j] * inverse * (gain[j] + offset);
  }
}

/// dx += the gradient of rms_norm at x for the output gradient dy.
inline void rms_norm_backward(ConstView x, const float* gain, float eps, ConstView dy, View dx,
                              float offset = 0.0F) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* xi = x.row(i);
    const float* gi = dy.row(i);
    float* di = dx.row(i);
    const float inverse = inverse_rms(xi, x.cols, eps);
    float dot = 0.0F;
#pragma omp simd reduction(+ : dot)
    for (std::size_t j = 0; j < x.cols; ++j) dot += gi[j] * (gain[j] + offset) * xi[j];
    const float shrink = dot * inverse * inverse * inverse / static_cast<float>(x.cols);
#pragma omp simd
    for (std::size_t j = 0; j < x.cols; ++j) di[j] += gi[j] * (gain[j] + offset) * inverse - xi[j] * shrink;
  }
}

/// y = silu(gate) ∘ up for gate_up = [gate | up] a row. Source: Shazeer 2020, SwiGLU.
inline void swiglu(ConstView gate_up, View y) {
  const std::size_t n = y.cols;
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < y.rows; ++i) {
    const float* gate = gate_up.row(i);
    const float* up = gate + n;
    float* out = y.row(i);
#pragma omp simd
    for (std::size_t j = 0; j < n; ++j) out[j] = gate[j] / (1.0F + fast_exp(-gate[j])) * up[j];
  }
}

/// d_gate_up = the gradient of swiglu at gate_up for the output gradient dy; may not alias.
inline void swiglu_backward(ConstView gate_up, ConstView dy, View d_gate_up) {
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
      const float sigma = 1.0F / (1.0F + fast_exp(-gate[j]));
      d_up[j] = g[j] * gate[j] * sigma;
      d_gate[j] = g[j] * up[j] * sigma * (1.0F + gate[j] * (1.0F - sigma));
    }
  }
}

/// Heads at the beginning of a row, of whose entries the first are rotated by their position.
struct RotaryHeads {
  std::size_t count = 0;    ///< heads
  std::size_t dim = 0;      ///< entries of a head
  std::size_t rotated = 0;  ///< rotated entries of a head
};

/// Rotates the pairs (2i, 2i+1) of each head by the angle of the row's position; `direction` −1 is the
/// gradient. x: [tokens, ≥ count·dim]; rows: each
/// token's row of the tables; cosines, sines: [rows, rotated/2]. Source: Su et al. 2021, eq. 34.
inline void rotary(View x, const RotaryHeads& heads, std::span<const std::uint32_t> rows,
                   std::span<const float> cosines, std::span<const float> sines, float direction) {
  const std::size_t half = heads.rotated / 2;
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i) {
    const float* c = cosines.data() + rows[i] * half;
    const float* s = sines.data() + rows[i] * half;
    for (std::size_t h = 0; h < heads.count; ++h) {
      float* head = x.row(i) + h * heads.dim;
      for (std::size_t j = 0; j < half; ++j) {
        const float a = head[2 * j];
        const float b = head[2 * j + 1];
        const float sj = direction * s[j];
        head[2 * j] = a * c[j] - b * sj;
        head[2 * j + 1] = a * sj + b * c[j];
      }
    }
  }
}

}  // namespace zofo::tensor::cpu
