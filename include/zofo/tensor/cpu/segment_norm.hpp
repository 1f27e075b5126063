/// @file RMSNorm of segments of a row on the CPU: the heads of queries and keys, or all of them.
#pragma once

#include <cstddef>

#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::tensor::cpu {

/// NormSegments of a row: `count` of `size` columns each from column `first` on, with one gain for all.
struct NormSegments {
  std::size_t first = 0;  ///< first column
  std::size_t count = 0;  ///< segments
  std::size_t size = 0;   ///< columns of a segment
};

/// Each segment of x becomes its rms_norm with the gain [size] plus `offset`, in place.
inline void segment_norm(View x, const NormSegments& s, const float* gain, float offset, float eps) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i)
    for (std::size_t k = 0; k < s.count; ++k) {
      float* const part = x.row(i) + s.first + k * s.size;
      const float inverse = inverse_rms(part, s.size, eps);
#pragma omp simd
      for (std::size_t j = 0; j < s.size; ++j) part[j] *= inverse * (gain[j] + offset);
    }
}

/// The gradient of segment_norm at x, in place of the output gradient d.
inline void segment_norm_backward(ConstView x, const NormSegments& s, const float* gain, float offset,
                                  float eps, View d) {
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < x.rows; ++i)
    for (std::size_t k = 0; k < s.count; ++k) {
      const float* const part = x.row(i) + s.first + k * s.size;
      float* const di = d.row(i) + s.first + k * s.size;
      const float inverse = inverse_rms(part, s.size, eps);
      float dot = 0.0F;
#pragma omp simd reduction(+ : dot)
      for (std::size_t j = 0; j < s.size; ++j) dot += di[j] * (gain[j] + offset) * part[j];
      const float shrink = dot * inverse * inverse * inverse / static_cast<float>(s.size);
#pragma omp simd
      for (std::size_t j = 0; j < s.size; ++j)
        di[j] = di[j] * (gain[j] + offset) * inverse - part[j] * shrink;
    }
}

}  // namespace zofo::tensor::cpu
