/// @file Products of a few rows by a large weight on the CPU, whose time is that of reading the weight.
#pragma once

#include <cstddef>

#include "zofo/tensor/cpu/gemm.hpp"
#include "zofo/tensor/cpu/thin_dots.hpp"

namespace zofo::tensor::cpu {

/// y = x wᵀ + beta·y; x: [rows, in], w: [out, in], y: [rows, out]. A row's result has the same bits for every
/// number of rows. Faster than a BLAS for up to about eight rows: a weight is read once, in its order, and
/// not packed.
inline void thin_product(ConstView x, ConstView w, float beta, View y) {
  const bool fused = detail::fuses_products();
#pragma omp parallel for schedule(static)
  for (std::size_t o = 0; o < w.rows; ++o) detail::best_thin_column(fused, x, w.row(o), beta, y, o);
}

}  // namespace zofo::tensor::cpu
