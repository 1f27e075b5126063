/// @file Dot products of few rows on the CPU, with fused multiply-adds where the processor has them.
#pragma once

#include <cstddef>

#include "zofo/tensor/cpu/attention_rows.hpp"
#include "zofo/tensor/cpu/gemm.hpp"

/// 1 where the functions for AVX2 and FMA exist: x86-64 and a compiler with function attributes for its
/// instruction sets.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define ZOFO_HAS_AVX2_DOTS 1
#else
#define ZOFO_HAS_AVX2_DOTS 0
#endif

namespace zofo::tensor::cpu::detail::portable {

// A processor without fused multiply-adds rounds the product and the sum.
inline void add_product(const LanesAt& a, const LanesAt& b, Lanes& sum) { sum += a.value * b.value; }

#include "zofo/tensor/cpu/thin_dots_text.hpp"

}  // namespace zofo::tensor::cpu::detail::portable

#if ZOFO_HAS_AVX2_DOTS

#include <immintrin.h>

// Every function from here to the matching pop is compiled for AVX2 and FMA under any -m flags: files
// compiled with different flags then define the same functions. No lambda may occur here (g++ leaves lambdas
// out), and no vector may be passed by value.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace zofo::tensor::cpu::detail::avx2 {

// Fused explicitly. By itself a compiler fuses in some functions and not in others (GCC avoids chains of
// fused sums for some processors), and a result would depend on which of them computed a row.
inline void add_product(const LanesAt& a, const LanesAt& b, Lanes& sum) {
  sum = _mm256_fmadd_ps(a.value, b.value, sum);
}

#include "zofo/tensor/cpu/thin_dots_text.hpp"

}  // namespace zofo::tensor::cpu::detail::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // ZOFO_HAS_AVX2_DOTS

namespace zofo::tensor::cpu::detail {

/// Whether the processor has AVX2 and FMA; asked at run time.
inline bool fuses_products() {
#if ZOFO_HAS_AVX2_DOTS
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
  return false;
#endif
}

/// thin_column of the fastest instructions that the processor has.
inline void best_thin_column(bool fused, ConstView x, const float* w, float beta, View y,
                             std::size_t column) {
#if ZOFO_HAS_AVX2_DOTS
  if (fused) return avx2::thin_column(x, w, beta, y, column);
#endif
  (void)fused;
  portable::thin_column(x, w, beta, y, column);
}

/// cached_scores of the fastest instructions that the processor has.
inline void best_cached_scores(bool fused, const float* q, std::size_t heads, const float* keys,
                               std::size_t n, std::size_t dim, float* p, std::size_t stride) {
#if ZOFO_HAS_AVX2_DOTS
  if (fused) return avx2::cached_scores(q, heads, keys, n, dim, p, stride);
#endif
  (void)fused;
  portable::cached_scores(q, heads, keys, n, dim, p, stride);
}

}  // namespace zofo::tensor::cpu::detail
