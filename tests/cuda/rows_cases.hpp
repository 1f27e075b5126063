/// @file Values, adapters and projections for the tests of row-wise kernels, and their limits: 1e-5 in fp32;
/// 4e-3 in bf16, whose one rounding of the output is 2^-9 at most.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "device.hpp"
#include "low_rank_projections.hpp"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda::rows_cases {

template <class T>
constexpr double limit = std::is_same_v<T, float> ? 1e-5 : 4e-3;
/// Where a bf16 lies between the input and the output.
template <class T>
constexpr double limit_twice = std::is_same_v<T, float> ? 1e-5 : 1e-2;

template <class T>
std::vector<T> stored(const std::vector<float>& values) {
  if constexpr (std::is_same_v<T, float>)
    return values;
  else
    return to_bf16(values);
}

inline std::vector<double> wide(const std::vector<float>& values) { return {values.begin(), values.end()}; }
inline std::vector<double> wide(const std::vector<bf16>& values) { return wide(to_float(values)); }

/// Random values on the GPU and, as the GPU holds them, in double.
template <class T>
struct Both {
  std::vector<T> host;
  DeviceArray<T> gpu;
  std::vector<double> exact;
  Both(std::uint64_t seed, std::size_t n, float amplitude = 1.0F)
      : host(stored<T>(random_values(seed, n, amplitude))), gpu(host), exact(wide(host)) {}
};

/// Adapters of tokens: runs of different lengths, the last tokens padding.
inline std::vector<std::int32_t> adapters_of(std::size_t tokens, std::int32_t adapters) {
  std::vector<std::int32_t> adapter(tokens, -1);
  for (std::size_t i = 0; i + 2 < tokens; ++i) adapter[i] = static_cast<std::int32_t>(i / 3) % adapters;
  return adapter;
}

/// Sites whose products end in a row of `width`: adapters' of rank 8, odd ranks, and a probe's.
inline std::vector<ProjectionShape> row_projections(std::uint32_t width) {
  return {{8, 16, width, 0, false, false, 0.5F},
          {3, 16, width, 0, false, false, 1.5F},
          {2, 16, width, 0, true, true, 0.7F},
          {12, 16, width, 0, true, false, 0.3F}};
}
/// The same with their inputs in a row of `width`.
inline std::vector<ProjectionShape> back_projections(std::uint32_t width) {
  return {{8, width, 16, 0, false, false, 0.5F},
          {3, width, 16, 0, false, false, 1.5F},
          {5, width, 16, 0, true, true, 0.7F}};
}

constexpr float eps = 1e-3F;

inline double silu(double x) { return x / (1.0 + std::exp(-x)); }

/// GELU in the approximation by tanh, and its derivative.
inline double gelu_tangent(double x) {
  return std::tanh(std::sqrt(2.0 / 3.141592653589793) * (x + 0.044715 * x * x * x));
}
inline double gelu(double x) { return 0.5 * x * (1.0 + gelu_tangent(x)); }

inline std::size_t inputs_of(Activation kind) { return kind == Activation::relu ? 1 : 2; }

inline std::vector<double> activated(Activation kind, const std::vector<double>& pre, std::size_t ffn) {
  if (kind == Activation::relu) {
    std::vector<double> y = pre;
    for (double& v : y) v = std::max(v, 0.0);
    return y;
  }
  std::vector<double> y(pre.size() / 2);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double* const row = pre.data() + i / ffn * 2 * ffn;
    const double gate = row[i % ffn];
    y[i] = (kind == Activation::geglu ? gelu(gate) : silu(gate)) * row[ffn + i % ffn];
  }
  return y;
}

}  // namespace zofo::tensor::cuda::rows_cases
