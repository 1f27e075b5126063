/// @file Products of a few rows by a large weight on the CPU, where reading the weight is what takes the
/// time.
#pragma once

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

#include <cstddef>

#include "zofo/tensor/cpu/attention_rows.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

namespace zofo::tensor::cpu {

namespace detail {

inline float lane_sum(const Lanes& x) {
  const auto four = __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
  const auto two = four + __builtin_shufflevector(four, four, 2, 3, 0, 1);
  return two[0] + two[1];
}

// sum += a·b, fused where the machine can. Left to itself a compiler fuses in some functions and not in
// others (GCC avoids chains of fused sums for some machines), and results would depend on which of them made
// a row.
inline void add_product(const Lanes& a, const Lanes& b, Lanes& sum) {
#if defined(__AVX2__) && defined(__FMA__)
  sum = _mm256_fmadd_ps(a, b, sum);
#else
  sum += a * b;
#endif
}

// The first `count` floats from p on, and zeros.
inline void load_first(const float* p, std::size_t count, Lanes& padded) {
  padded = Lanes{};
  for (std::size_t i = 0; i < count; ++i) padded[i] = p[i];
}

// out[r·out_stride + o] = x_r · w_o for `rows` rows of x and `outs` of w at once. Each sum is made of the
// same operations in the same order, whatever comes with it.
template <std::size_t rows, std::size_t outs>
void dots(const float* x, std::size_t x_stride, const float* w, std::size_t w_stride, std::size_t n,
          float* out, std::size_t out_stride) {
  Lanes sum[rows][outs]{};
  std::size_t k = 0;
  for (; k + 8 <= n; k += 8)
#pragma GCC unroll 8
    for (std::size_t r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (std::size_t o = 0; o < outs; ++o)
        add_product(lanes(w + o * w_stride + k), lanes(x + r * x_stride + k), sum[r][o]);
  if (k < n)
    for (std::size_t o = 0; o < outs; ++o) {
      Lanes last_w, last_x;
      load_first(w + o * w_stride + k, n - k, last_w);
      for (std::size_t r = 0; r < rows; ++r) {
        load_first(x + r * x_stride + k, n - k, last_x);
        add_product(last_w, last_x, sum[r][o]);
      }
    }
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t o = 0; o < outs; ++o) out[r * out_stride + o] = lane_sum(sum[r][o]);
}

// `rows` rows of a column of y = x wᵀ + beta·y from row r on, w being one of w's rows.
template <std::size_t rows>
void thin_column(ConstView x, std::size_t r, const float* w, float beta, View y, std::size_t column) {
  float sums[rows];
  dots<rows, 1>(x.row(r), x.stride, w, x.cols, x.cols, sums, 1);
  for (std::size_t i = 0; i < rows; ++i) {
    float& to = y.row(r + i)[column];
    to = beta == 0.0F ? sums[i] : sums[i] + beta * to;
  }
}

}  // namespace detail

/// y = x wᵀ + beta·y; w: [out, in]. Each row's result is the same to the bit whatever rows come with it.
/// Faster than a BLAS for up to eight rows or so: a weight is read once, in its order, and not packed.
inline void thin_product(ConstView x, ConstView w, float beta, View y) {
#pragma omp parallel for schedule(static)
  for (std::size_t o = 0; o < w.rows; ++o) {
    std::size_t r = 0;
    for (; r + 8 <= x.rows; r += 8) detail::thin_column<8>(x, r, w.row(o), beta, y, o);
    for (; r + 4 <= x.rows; r += 4) detail::thin_column<4>(x, r, w.row(o), beta, y, o);
    for (; r < x.rows; ++r) detail::thin_column<1>(x, r, w.row(o), beta, y, o);
  }
}

}  // namespace zofo::tensor::cpu
