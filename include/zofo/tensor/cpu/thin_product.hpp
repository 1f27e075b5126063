/// @file Products of a few rows by a large weight on the CPU, where reading the weight is what takes the
/// time.
#pragma once

#include <cstddef>

#include "zofo/tensor/cpu/attention_rows.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::tensor::cpu {

namespace detail {

inline float lane_sum(const Lanes& x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

// out[r] = x_r · w for `rows` rows at once; each sum has one order whatever their number.
template <std::size_t rows>
void dots(const float* x, std::size_t stride, const float* w, std::size_t n, float* out) {
  Lanes even[rows]{}, odd[rows]{};
  std::size_t k = 0;
  for (; k + 16 <= n; k += 16) {
    const Lanes a = lanes(w + k), b = lanes(w + k + 8);
    for (std::size_t r = 0; r < rows; ++r) {
      even[r] += a * lanes(x + r * stride + k);
      odd[r] += b * lanes(x + r * stride + k + 8);
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    float rest = 0.0F;
    for (std::size_t i = k; i < n; ++i) rest += w[i] * x[r * stride + i];
    out[r] = lane_sum(even[r] + odd[r]) + rest;
  }
}

}  // namespace detail

/// y = x wᵀ + beta·y; w: [out, in]. Each row's result is the same to the bit whatever rows come with it.
/// Faster than a BLAS up to some sixteen rows: a weight is read once and not packed.
inline void thin_product(ConstView x, ConstView w, float beta, View y) {
#pragma omp parallel for schedule(static)
  for (std::size_t o = 0; o < w.rows; ++o) {
    float sums[4];
    for (std::size_t r = 0; r < x.rows; r += 4) {
      const std::size_t count = x.rows - r < 4 ? x.rows - r : 4;
      if (count == 4)
        detail::dots<4>(x.row(r), x.stride, w.row(o), w.cols, sums);
      else
        for (std::size_t i = 0; i < count; ++i)
          detail::dots<1>(x.row(r + i), x.stride, w.row(o), w.cols, sums + i);
      for (std::size_t i = 0; i < count; ++i) {
        float& to = y.row(r + i)[o];
        to = beta == 0.0F ? sums[i] : sums[i] + beta * to;
      }
    }
  }
}

}  // namespace zofo::tensor::cpu
