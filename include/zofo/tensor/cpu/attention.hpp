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

// Keys transposed to [dim, length]: scores of a row are then sums of contiguous rows, which vectorise without
// a reduction.
inline void transpose(ConstView qkv, std::size_t column, std::size_t dim, float* out) {
  for (std::size_t j = 0; j < qkv.rows; ++j)
    for (std::size_t d = 0; d < dim; ++d) out[d * qkv.rows + j] = qkv.row(j)[column + d];
}

// softmax(scale·q kᵀ) of query i over keys 0..i, written to p[0..i].
inline void causal_row(const float* q, const float* keys, std::size_t length, std::size_t i, std::size_t dim,
                       float* p) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  const std::size_t n = i + 1;
  std::fill_n(p, n, 0.0F);
  for (std::size_t d = 0; d < dim; ++d) {
    const float qd = q[d] * scale;
    const float* kd = keys + d * length;
#pragma omp simd
    for (std::size_t j = 0; j < n; ++j) p[j] += qd * kd[j];
  }
  float high = p[0];
#pragma omp simd reduction(max : high)
  for (std::size_t j = 0; j < n; ++j) high = std::max(high, p[j]);
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t j = 0; j < n; ++j) {
    p[j] = fast_exp(p[j] - high);
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
  for (std::size_t i = 0; i < length; ++i) {
    causal_row(qkv.row(i) + shape.q_at(head), keys, length, i, dim, p);
    float* o = out.row(i) + head * dim;
    std::fill_n(o, dim, 0.0F);
    for (std::size_t j = 0; j <= i; ++j) {
      const float* v = qkv.row(j) + shape.v_at(head);
#pragma omp simd
      for (std::size_t d = 0; d < dim; ++d) o[d] += p[j] * v[d];
    }
  }
}

inline float dot(const float* a, const float* b, std::size_t n) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t d = 0; d < n; ++d) sum += a[d] * b[d];
  return sum;
}

inline void head_backward(ConstView qkv, ConstView d_out, const HeadShape& shape, std::size_t head,
                          View d_qkv, std::vector<float>& scratch) {
  const std::size_t length = qkv.rows;
  const std::size_t dim = shape.dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  scratch.resize(length * dim + 2 * length);
  float* keys = scratch.data();
  float* p = keys + length * dim;
  float* dp = p + length;
  transpose(qkv, shape.k_at(head), dim, keys);
  for (std::size_t i = 0; i < length; ++i) {
    const float* q = qkv.row(i) + shape.q_at(head);
    const float* go = d_out.row(i) + head * dim;
    float* dq = d_qkv.row(i) + shape.q_at(head);
    causal_row(q, keys, length, i, dim, p);
    float mean = 0.0F;
    for (std::size_t j = 0; j <= i; ++j) {
      dp[j] = dot(go, qkv.row(j) + shape.v_at(head), dim);
      mean += p[j] * dp[j];
    }
    for (std::size_t j = 0; j <= i; ++j) {
      const float ds = p[j] * (dp[j] - mean) * scale;
      const float pj = p[j];
      const float* k = qkv.row(j) + shape.k_at(head);
      float* dk = d_qkv.row(j) + shape.k_at(head);
      float* dv = d_qkv.row(j) + shape.v_at(head);
#pragma omp simd
      for (std::size_t d = 0; d < dim; ++d) {
        dq[d] += ds * k[d];
        dk[d] += ds * q[d];
        dv[d] += pj * go[d];
      }
    }
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
