/// @file Variable-length causal grouped-query attention on the CPU, forward and backward.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/tensor/cpu/attention_rows.hpp"

namespace zofo::tensor::cpu {

namespace detail {

inline void head_forward(ConstView qkv, const HeadShape& shape, std::size_t head, const HeadPrefix& prefix,
                         View out, std::vector<float>& scratch) {
  const std::size_t length = qkv.rows;
  const std::size_t total = prefix.length + length;
  const std::size_t dim = shape.dim;
  scratch.resize(total * dim + total);
  float* keys = scratch.data();
  float* p = keys + total * dim;
  gather(prefix.keys, prefix, qkv, shape.k_at(head), dim, keys);
  const float* values = qkv.data + shape.v_at(head);
  for (std::size_t i = 0; i < length; ++i) {
    float* to = out.row(i) + head * dim;
    const Seen seen(shape, prefix.length, i);
    causal_row(qkv.row(i) + shape.q_at(head), keys + seen.first, total, seen.count(), shape, p + seen.first);
    weighted_sum<false>(p + seen.own, 1, values + seen.own_row() * qkv.stride, qkv.stride, seen.own_count(),
                        dim, to);
    if (seen.prefix_count() > 0)
      weighted_sum<true>(p + seen.first, 1, prefix.values + seen.first * prefix.stride, prefix.stride,
                         seen.prefix_count(), dim, to);
  }
}

// ds = gradient of the scores of query i from its probabilities p and dp = its output gradient times vᵀ.
inline void score_gradient(const float* p, const float* dp, std::size_t n, float scale, float* ds) {
  float mean = 0.0F;
#pragma omp simd reduction(+ : mean)
  for (std::size_t j = 0; j < n; ++j) mean += p[j] * dp[j];
#pragma omp simd
  for (std::size_t j = 0; j < n; ++j) ds[j] = p[j] * (dp[j] - mean) * scale;
}

// ds times the derivative of the cap.
inline void cap_gradient(const float* tanhs, std::size_t n, float* ds) {
#pragma omp simd
  for (std::size_t j = 0; j < n; ++j) ds[j] *= 1.0F - tanhs[j] * tanhs[j];
}

// Intermediate results of one head's backward pass: probabilities and gradients of the scores, [query, key],
// keys of the prefix first; entries of keys that a query does not attend to are not set.
struct HeadScores {
  const float* p = nullptr;
  const float* ds = nullptr;
  std::size_t total = 0;
};

// d_keys += dSᵀQ and d_values += Pᵀ dO of key `column` of the scores over the `count` queries from `first`
// on.
inline void key_gradient(const HeadScores& scores, std::size_t column, std::size_t first, std::size_t count,
                         ConstView q, ConstView d_out, float* d_key, float* d_value) {
  const std::size_t at = first * scores.total + column;
  weighted_sum<true>(scores.ds + at, scores.total, q.row(first), q.stride, count, q.cols, d_key);
  weighted_sum<true>(scores.p + at, scores.total, d_out.row(first), d_out.stride, count, q.cols, d_value);
}

inline void head_backward(ConstView qkv, ConstView d_out, const HeadShape& shape, std::size_t head,
                          const HeadPrefix& prefix, View d_qkv, std::vector<float>& scratch) {
  const std::size_t length = qkv.rows;
  const std::size_t total = prefix.length + length;
  const std::size_t dim = shape.dim;
  const float scale = shape.score_scale();
  const bool capped = shape.cap > 0.0F;
  scratch.resize(2 * total * dim + 2 * length * total + (capped ? 2 : 1) * total);
  float* keys = scratch.data();
  float* values = keys + total * dim;
  float* p = values + total * dim;
  float* ds = p + length * total;
  float* dp = ds + length * total;
  float* const tanhs = capped ? dp + total : nullptr;
  gather(prefix.keys, prefix, qkv, shape.k_at(head), dim, keys);
  gather(prefix.values, prefix, qkv, shape.v_at(head), dim, values);
  const ConstView q = qkv.cols_from(shape.q_at(head), dim);
  const ConstView go = d_out.cols_from(head * dim, dim);
  const float* k = qkv.data + shape.k_at(head);
  for (std::size_t i = 0; i < length; ++i) {
    const Seen seen(shape, prefix.length, i);
    float* d_query = d_qkv.row(i) + shape.q_at(head);
    float* p_row = p + i * total;
    float* ds_row = ds + i * total;
    causal_row(q.row(i), keys + seen.first, total, seen.count(), shape, p_row + seen.first, tanhs);
    weighted_sum<false>(go.row(i), 1, values + seen.first, total, dim, seen.count(), dp);
    score_gradient(p_row + seen.first, dp, seen.count(), scale, ds_row + seen.first);
    if (capped) cap_gradient(tanhs, seen.count(), ds_row + seen.first);
    weighted_sum<true>(ds_row + seen.own, 1, k + seen.own_row() * qkv.stride, qkv.stride, seen.own_count(),
                       dim, d_query);
    if (seen.prefix_count() > 0)
      weighted_sum<true>(ds_row + seen.first, 1, prefix.keys + seen.first * prefix.stride, prefix.stride,
                         seen.prefix_count(), dim, d_query);
  }
  const HeadScores scores{p, ds, total};
  for (std::size_t j = 0; j < length; ++j)
    key_gradient(scores, prefix.length + j, j, shape.end_query(j, 0, length) - j, q, go,
                 d_qkv.row(j) + shape.k_at(head), d_qkv.row(j) + shape.v_at(head));
  if (length == 0 || prefix.d_keys == nullptr) return;
  for (std::size_t j = 0; j < prefix.length; ++j)
    key_gradient(scores, j, 0, shape.end_query(j, prefix.length, length), q, go,
                 prefix.d_keys + j * prefix.stride, prefix.d_values + j * prefix.stride);
}

}  // namespace detail

/// attention() with a prefix before the keys and values of each sequence. Source: Li & Liang 2021.
inline void prefixed_attention(ConstView qkv, const HeadShape& shape,
                               std::span<const std::uint32_t> cu_seqlens, const AttentionPrefix& prefix,
                               View out) {
  const std::size_t tasks = (cu_seqlens.size() - 1) * shape.heads;
#pragma omp parallel
  {
    std::vector<float> scratch;
#pragma omp for schedule(dynamic)
    for (std::size_t t = 0; t < tasks; ++t) {
      const std::size_t sequence = t / shape.heads, head = t % shape.heads;
      const std::size_t first = cu_seqlens[sequence];
      const std::size_t length = cu_seqlens[sequence + 1] - first;
      detail::head_forward(qkv.rows_from(first, length), shape, head,
                           detail::head_prefix(prefix, {}, shape, sequence, head),
                           out.rows_from(first, length), scratch);
    }
  }
}

/// out = causal attention of each sequence by itself. qkv: [tokens, (heads + 2 kv_heads)·dim], out: [tokens,
/// heads·dim]; sequence i holds the rows cu_seqlens[i] … cu_seqlens[i+1]−1. Source: Vaswani et al. 2017, eq.
/// 1; Ainslie et al. 2023 (groups).
inline void attention(ConstView qkv, const HeadShape& shape, std::span<const std::uint32_t> cu_seqlens,
                      View out) {
  prefixed_attention(qkv, shape, cu_seqlens, {}, out);
}

/// d_qkv = the gradient of prefixed_attention() for the output gradient d_out; d_prefix += the prefix's,
/// unless its pointers are null. Probabilities are recomputed. Deterministic: heads of one group share keys,
/// and sequences of one adapter share a prefix; therefore one thread computes a group of one sequence, or, if
/// there is a prefix, of all sequences in order.
inline void prefixed_attention_backward(ConstView qkv, ConstView d_out, const HeadShape& shape,
                                        std::span<const std::uint32_t> cu_seqlens,
                                        const AttentionPrefix& prefix, View d_qkv,
                                        const PrefixGradient& d_prefix) {
  const std::size_t sequences = cu_seqlens.size() - 1;
  const std::size_t at_once = prefix.length > 0 && d_prefix.keys != nullptr ? sequences : 1;
  const std::size_t tasks = sequences == 0 ? 0 : sequences / at_once * shape.kv_heads;
#pragma omp parallel
  {
    std::vector<float> scratch;
#pragma omp for schedule(static)
    for (std::size_t i = 0; i < d_qkv.rows; ++i) std::fill_n(d_qkv.row(i), d_qkv.cols, 0.0F);
#pragma omp for schedule(dynamic)
    for (std::size_t t = 0; t < tasks; ++t)
      for (std::size_t i = 0; i < at_once * shape.group(); ++i) {
        const std::size_t sequence = t / shape.kv_heads * at_once + i / shape.group();
        const std::size_t head = t % shape.kv_heads * shape.group() + i % shape.group();
        const std::size_t first = cu_seqlens[sequence];
        const std::size_t length = cu_seqlens[sequence + 1] - first;
        detail::head_backward(qkv.rows_from(first, length), d_out.rows_from(first, length), shape, head,
                              detail::head_prefix(prefix, d_prefix, shape, sequence, head),
                              d_qkv.rows_from(first, length), scratch);
      }
  }
}

/// d_qkv = the gradient of attention() for the output gradient d_out.
inline void attention_backward(ConstView qkv, ConstView d_out, const HeadShape& shape,
                               std::span<const std::uint32_t> cu_seqlens, View d_qkv) {
  prefixed_attention_backward(qkv, d_out, shape, cu_seqlens, {}, d_qkv, {});
}

}  // namespace zofo::tensor::cpu
