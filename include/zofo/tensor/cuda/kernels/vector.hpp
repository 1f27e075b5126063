/// @file Vectors on the GPU (adapters, their moments): the operations of core/vector_space.hpp and the update
/// of Adam. All sums are double and deterministic.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// y += a x.
void axpy(cudaStream_t stream, std::size_t n, float a, const float* x, float* y);
/// x *= a.
void scale(cudaStream_t stream, std::size_t n, float a, float* x);
/// Doubles of workspace that dot needs.
std::size_t dot_workspace();
/// *out (in device memory) = Σ x y.
void dot(cudaStream_t stream, std::size_t n, const float* x, const float* y, double* workspace, double* out);

/// The numbers of one Adam step, as inner/adam.hpp computes them.
struct AdamNumbers {
  ///@{
  /// β₁, β₂ and ε.
  float beta1, beta2, epsilon;
  ///@}
  float rate;   ///< learning rate divided by 1 − β₁ᵗ
  float bias2;  ///< 1 / (1 − β₂ᵗ)
  float keep;   ///< 1 − rate·weight_decay
};
/// One Adam step of x with gradient g and moments m and v.
void adam(cudaStream_t stream, std::size_t n, AdamNumbers numbers, const float* g, float* m, float* v,
          float* x);

/// *found (in device memory, 0 on entry) = 1 if any of x is not finite.
template <class T>
void find_not_finite(cudaStream_t stream, std::size_t n, const T* x, std::uint32_t* found);
///@{
/// Conversions between fp32 and bf16; narrow rounds to nearest even.
void narrow(cudaStream_t stream, std::size_t n, const float* x, bf16* out);
void widen(cudaStream_t stream, std::size_t n, const bf16* x, float* out);
///@}

}  // namespace zofo::tensor::cuda
