/// @file SwiGLU, GeGLU (Shazeer 2020) and ReLU of values in registers, and their gradients.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/kernels/row_pack.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda::detail {

/// 1 / (1 + e^−x), to the precision that T deserves.
template <class T>
__device__ inline float logistic(float x) {
  if constexpr (std::is_same_v<T, float>)
    return 1.0F / (1.0F + expf(-x));
  else
    return __fdividef(1.0F, 1.0F + __expf(-x));
}

/// tanh(x), to the precision that T deserves.
template <class T>
__device__ inline float hyperbolic_tangent(float x) {
  if constexpr (std::is_same_v<T, float>)
    return tanhf(x);
  else
    return 1.0F - __fdividef(2.0F, 1.0F + __expf(2.0F * fminf(x, 40.0F)));
}

constexpr float gelu_slope = 0.7978845608028654F;  ///< √(2/π)
constexpr float gelu_cubic = 0.044715F;

/// tanh in GELU's approximation (Hendrycks & Gimpel 2016).
template <class T>
__device__ inline float gelu_tangent(float x) {
  return hyperbolic_tangent<T>(gelu_slope * fmaf(gelu_cubic * x * x, x, x));
}

/// max(x, 0), but a NaN stays one, so that a diverged run is seen.
__device__ inline float rectified(float x) { return x < 0.0F ? 0.0F : x; }

/// y = activation of `size` neighbouring columns; `up` is unused by relu.
template <class T, Activation kind, int size>
__device__ inline void activate_values(const float (&gate)[size], const float (&up)[size], float (&y)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i) {
    if constexpr (kind == Activation::swiglu)
      y[i] = gate[i] * logistic<T>(gate[i]) * up[i];
    else if constexpr (kind == Activation::geglu)
      y[i] = 0.5F * gate[i] * (1.0F + gelu_tangent<T>(gate[i])) * up[i];
    else
      y[i] = rectified(gate[i]);
  }
}

/// (gate, up) = their gradients for the output gradient dy.
template <class T, Activation kind, int size>
__device__ inline void activation_gradient(const float (&dy)[size], float (&gate)[size], float (&up)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i) {
    const float g = gate[i];
    if constexpr (kind == Activation::swiglu) {
      const float sigma = logistic<T>(g);
      const float by_gate = dy[i] * up[i] * sigma * (1.0F + g * (1.0F - sigma));
      up[i] = dy[i] * g * sigma;
      gate[i] = by_gate;
    } else if constexpr (kind == Activation::geglu) {
      const float t = gelu_tangent<T>(g);
      const float slope = gelu_slope * (1.0F + 3.0F * gelu_cubic * g * g);
      const float by_gate = dy[i] * up[i] * 0.5F * (1.0F + t + g * (1.0F - t * t) * slope);
      up[i] = dy[i] * 0.5F * g * (1.0F + t);
      gate[i] = by_gate;
    } else {
      gate[i] = g > 0.0F ? dy[i] : 0.0F;
    }
  }
}

/// value = what T would hold of it.
template <class T, int size>
__device__ inline void round_values(float (&value)[size]) {
  unpack(rounded(value, static_cast<const T*>(nullptr)), value);
}

}  // namespace zofo::tensor::cuda::detail
