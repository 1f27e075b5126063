/// @file Variable-length causal grouped-query attention on the CPU, forward and backward.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/tensor/cpu/elementwise.hpp"

namespace zofo::tensor::cpu {

/// Head counts of grouped-query attention; a row of `qkv` holds heads·dim queries, then kv_heads·dim keys,
/// then as many values.
struct HeadShape {
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t dim = 0;

  [[nodiscard]] std::size_t group() const { return heads / kv_heads; }
  [[nodiscard]] std::size_t q_at(std::size_t head) const { return head * dim; }
  [[nodiscard]] std::size_t k_at(std::size_t head) const { return (heads + head / group()) * dim; }
  [[nodiscard]] std::size_t v_at(std::size_t head) const { return (heads + kv_heads + head / group()) * dim; }
};

namespace detail {

// Eight floats at any address; the compiler splits them where registers are narrower.
using Lanes = float __attribute__((vector_size(32), aligned(4), may_alias));

inline Lanes& lanes(float* p) { return *reinterpret_cast<Lanes*>(p); }
inline const Lanes& lanes(const float* p) { return *reinterpret_cast<const Lanes*>(p); }

// out[c] (+)= Σ_j weights[j·weight_stride]·rows[j·row_stride + c]: the one product attention is made of. Sums
// stay in registers, 32 columns at a time; a triangular product by a BLAS would compute its zeros.
template <bool add>
void weighted_sum(const float* weights, std::size_t weight_stride, const float* rows, std::size_t row_stride,
                  std::size_t count, std::size_t columns, float* out) {
  std::size_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    Lanes a0{}, a1{}, a2{}, a3{};
    for (std::size_t j = 0; j < count; ++j) {
      const float w = weights[j * weight_stride];
      const float* row = rows + j * row_stride + c;
      a0 += w * lanes(row);
      a1 += w * lanes(row + 8);
      a2 += w * lanes(row + 16);
      a3 += w * lanes(row + 24);
    }
    if constexpr (add) {
      a0 += lanes(out + c);
      a1 += lanes(out + c + 8);
      a2 += lanes(out + c + 16);
      a3 += lanes(out + c + 24);
    }
    lanes(out + c) = a0;
    lanes(out + c + 8) = a1;
    lanes(out + c + 16) = a2;
    lanes(out + c + 24) = a3;
  }
  for (; c + 8 <= columns; c += 8) {
    Lanes a{};
    for (std::size_t j = 0; j < count; ++j)
      a += weights[j * weight_stride] * lanes(rows + j * row_stride + c);
    if constexpr (add) a += lanes(out + c);
    lanes(out + c) = a;
  }
  for (; c < columns; ++c) {
    float a = add ? out[c] : 0.0F;
    for (std::size_t j = 0; j < count; ++j) a += weights[j * weight_stride] * rows[j * row_stride + c];
    out[c] = a;
  }
}

// One sequence and head: keys and values lie in columns of qkv, transposed copies [dim, length] in scratch,
// so that a row of scores is a weighted sum of contiguous rows.
inline void transpose(ConstView qkv, std::size_t column, std::size_t dim, float* out) {
  for (std::size_t j = 0; j < qkv.rows; ++j)
    for (std::size_t d = 0; d < dim; ++d) out[d * qkv.rows + j] = qkv.row(j)[column + d];
}

// softmax(q kᵀ/√dim) of query i over keys 0..i, written to p[0..i].
inline void causal_row(const float* q, const float* keys, std::size_t length, std::size_t i, std::size_t dim,
                       float* p) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  const std::size_t n = i + 1;
  weighted_sum<false>(q, 1, keys, length, dim, n, p);
  float high = p[0];
#pragma omp simd reduction(max : high)
  for (std::size_t j = 0; j < n; ++j) high = std::max(high, p[j]);
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t j = 0; j < n; ++j) {
    p[j] = fast_exp(scale * (p[j] - high));
    sum += p[j];
  }
  const float inverse = 1.0F / sum;
#pragma omp simd
  for (std::size_t j = 0; j < n; ++j) p[j] *= inverse;
}

inline void head_forward(ConstView qkv, const HeadShape& shape, std::size_t head, View out,
                         std::vector<float>& scratch) {
  const std::size_t length = qkv.rows;
  const std::size_t dim = shape.dim;
  scratch.resize(length * dim + length);
  float* keys = scratch.data();
  float* p = keys + length * dim;
  transpose(qkv, shape.k_at(head), dim, keys);
  const float* values = qkv.data + shape.v_at(head);
  for (std::size_t i = 0; i < length; ++i) {
    causal_row(qkv.row(i) + shape.q_at(head), keys, length, i, dim, p);
    weighted_sum<false>(p, 1, values, qkv.stride, i + 1, dim, out.row(i) + head * dim);
  }
}

// ds = gradient of the scaled scores of query i from its probabilities p and dp = its output gradient times
// vᵀ.
inline void score_gradient(const float* p, const float* dp, std::size_t n, float scale, float* ds) {
  float mean = 0.0F;
#pragma omp simd reduction(+ : mean)
  for (std::size_t j = 0; j < n; ++j) mean += p[j] * dp[j];
#pragma omp simd
  for (std::size_t j = 0; j < n; ++j) ds[j] = p[j] * (dp[j] - mean) * scale;
}

inline void head_backward(ConstView qkv, ConstView d_out, const HeadShape& shape, std::size_t head,
                          View d_qkv, std::vector<float>& scratch) {
  const std::size_t length = qkv.rows;
  const std::size_t dim = shape.dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  scratch.resize(2 * length * dim + 2 * length * length + length);
  float* keys = scratch.data();
  float* values = keys + length * dim;
  float* p = values + length * dim;  // [query, key], lower triangle
  float* ds = p + length * length;
  float* dp = ds + length * length;
  transpose(qkv, shape.k_at(head), dim, keys);
  transpose(qkv, shape.v_at(head), dim, values);
  const float* q = qkv.data + shape.q_at(head);
  const float* k = qkv.data + shape.k_at(head);
  const float* go = d_out.data + head * dim;
  for (std::size_t i = 0; i < length; ++i) {
    causal_row(q + i * qkv.stride, keys, length, i, dim, p + i * length);
    weighted_sum<false>(go + i * d_out.stride, 1, values, length, dim, i + 1, dp);
    score_gradient(p + i * length, dp, i + 1, scale, ds + i * length);
    weighted_sum<true>(ds + i * length, 1, k, qkv.stride, i + 1, dim, d_qkv.row(i) + shape.q_at(head));
  }
  for (std::size_t j = 0; j < length; ++j) {  // sums over the queries that saw key j
    const std::size_t column = j * length + j;
    weighted_sum<true>(ds + column, length, q + j * qkv.stride, qkv.stride, length - j, dim,
                       d_qkv.row(j) + shape.k_at(head));
    weighted_sum<true>(p + column, length, go + j * d_out.stride, d_out.stride, length - j, dim,
                       d_qkv.row(j) + shape.v_at(head));
  }
}

}  // namespace detail

/// out = causal attention of each sequence by itself. qkv: [tokens, (heads + 2 kv_heads)·dim], out: [tokens,
/// heads·dim]; sequence i holds the rows cu_seqlens[i] … cu_seqlens[i+1]−1. Source: Vaswani et al. 2017, eq.
/// 1; Ainslie et al. 2023 (groups).
inline void attention(ConstView qkv, const HeadShape& shape, std::span<const std::uint32_t> cu_seqlens,
                      View out) {
  const std::size_t tasks = (cu_seqlens.size() - 1) * shape.heads;
#pragma omp parallel
  {
    std::vector<float> scratch;
#pragma omp for schedule(dynamic)
    for (std::size_t t = 0; t < tasks; ++t) {
      const std::size_t first = cu_seqlens[t / shape.heads];
      const std::size_t length = cu_seqlens[t / shape.heads + 1] - first;
      detail::head_forward(qkv.rows_from(first, length), shape, t % shape.heads, out.rows_from(first, length),
                           scratch);
    }
  }
}

/// d_qkv = the gradient of attention() for the output gradient d_out; probabilities are computed again.
/// Heads of one group share keys, so a task is a whole group: no two threads write one row's keys.
inline void attention_backward(ConstView qkv, ConstView d_out, const HeadShape& shape,
                               std::span<const std::uint32_t> cu_seqlens, View d_qkv) {
  const std::size_t tasks = (cu_seqlens.size() - 1) * shape.kv_heads;
#pragma omp parallel
  {
    std::vector<float> scratch;
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < d_qkv.rows; ++i) std::fill_n(d_qkv.row(i), d_qkv.cols, 0.0F);
#pragma omp for schedule(dynamic)
    for (std::size_t t = 0; t < tasks; ++t) {
      const std::size_t first = cu_seqlens[t / shape.kv_heads];
      const std::size_t length = cu_seqlens[t / shape.kv_heads + 1] - first;
      for (std::size_t h = 0; h < shape.group(); ++h)
        detail::head_backward(qkv.rows_from(first, length), d_out.rows_from(first, length), shape,
                              (t % shape.kv_heads) * shape.group() + h, d_qkv.rows_from(first, length),
                              scratch);
    }
  }
}

}  // namespace zofo::tensor::cpu
