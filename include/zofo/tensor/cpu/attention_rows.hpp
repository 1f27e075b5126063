/// @file Parts of attention on the CPU: which keys a query attends to, and sums over rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/tensor/cpu/geglu.hpp"

namespace zofo::tensor::cpu {

/// Head counts of grouped-query attention; a row of `qkv` holds heads·dim queries, then kv_heads·dim keys,
/// then as many values.
struct HeadShape {
  std::size_t heads = 0;     ///< query heads
  std::size_t kv_heads = 0;  ///< key/value heads; divides `heads`
  std::size_t dim = 0;       ///< entries of a head
  std::size_t window = 0;    ///< keys that a query attends to, its own the last; 0: all up to its own
  float scale = 0.0F;        ///< multiplies scores; 0: 1/√dim
  float cap = 0.0F;          ///< scaled scores become cap·tanh(score/cap); 0: no cap

  /// First key that the query of key n − 1 attends to.
  [[nodiscard]] std::size_t first_key(std::size_t n) const {
    return window == 0 || n <= window ? 0 : n - window;
  }
  /// One past the last of `length` queries that attend to key `key`; query i's own key is `before` + i.
  [[nodiscard]] std::size_t end_query(std::size_t key, std::size_t before, std::size_t length) const {
    if (window == 0 || key + window >= length + before) return length;
    return key + window > before ? key + window - before : 0;
  }
  /// What multiplies scores.
  [[nodiscard]] float score_scale() const {
    return scale > 0.0F ? scale : 1.0F / std::sqrt(static_cast<float>(dim));
  }
  /// Query heads that share a key/value head.
  [[nodiscard]] std::size_t group() const { return heads / kv_heads; }
  ///@{
  /// First column in `qkv` of a query head's queries, keys and values.
  [[nodiscard]] std::size_t q_at(std::size_t head) const { return head * dim; }
  [[nodiscard]] std::size_t k_at(std::size_t head) const { return (heads + head / group()) * dim; }
  [[nodiscard]] std::size_t v_at(std::size_t head) const { return (heads + kv_heads + head / group()) * dim; }
  ///@}
};

/// Keys and values that precede each sequence's own (prefix tuning), [length, kv_heads·dim] each. All queries
/// attend to them, within the window.
struct AttentionPrefix {
  const float* keys = nullptr;            ///< of adapter 0
  const float* values = nullptr;          ///< of adapter 0
  std::size_t stride = 0;                 ///< entries from one adapter to the next
  std::size_t length = 0;                 ///< virtual tokens
  std::span<const std::int32_t> adapter;  ///< of each sequence; −1: no prefix
};

/// Gradients of prefixes, laid out as the prefixes; added to.
struct PrefixGradient {
  float* keys = nullptr;    ///< of adapter 0; null: not requested
  float* values = nullptr;  ///< of adapter 0
};

namespace detail {

// Eight floats; the compiler splits them where registers are narrower.
using Lanes = float __attribute__((vector_size(32)));

// Eight floats at the address of any float. A reference to Lanes would promise an alignment of 32 bytes.
struct __attribute__((packed, aligned(4), may_alias)) LanesAt {
  Lanes value;
};

inline LanesAt& lanes(float* p) { return *reinterpret_cast<LanesAt*>(p); }
inline const LanesAt& lanes(const float* p) { return *reinterpret_cast<const LanesAt*>(p); }

// out[c] (+)= Σ_j weights[j·weight_stride]·rows[j·row_stride + c]: the product that attention consists of.
// Sums stay in registers, 32 columns at a time; a triangular product by a BLAS would compute its zeros.
template <bool add>
void weighted_sum(const float* weights, std::size_t weight_stride, const float* rows, std::size_t row_stride,
                  std::size_t count, std::size_t columns, float* out) {
  std::size_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    Lanes a0{}, a1{}, a2{}, a3{};
    for (std::size_t j = 0; j < count; ++j) {
      const float w = weights[j * weight_stride];
      const float* row = rows + j * row_stride + c;
      a0 += w * lanes(row).value;
      a1 += w * lanes(row + 8).value;
      a2 += w * lanes(row + 16).value;
      a3 += w * lanes(row + 24).value;
    }
    if constexpr (add) {
      a0 += lanes(out + c).value;
      a1 += lanes(out + c + 8).value;
      a2 += lanes(out + c + 16).value;
      a3 += lanes(out + c + 24).value;
    }
    lanes(out + c).value = a0;
    lanes(out + c + 8).value = a1;
    lanes(out + c + 16).value = a2;
    lanes(out + c + 24).value = a3;
  }
  for (; c + 8 <= columns; c += 8) {
    Lanes a{};
    for (std::size_t j = 0; j < count; ++j)
      a += weights[j * weight_stride] * lanes(rows + j * row_stride + c).value;
    if constexpr (add) a += lanes(out + c).value;
    lanes(out + c).value = a;
  }
  for (; c < columns; ++c) {
    float a = add ? out[c] : 0.0F;
    for (std::size_t j = 0; j < count; ++j) a += weights[j * weight_stride] * rows[j * row_stride + c];
    out[c] = a;
  }
}

// The prefix of one sequence and head: row j starts at keys + j·stride.
struct HeadPrefix {
  const float* keys = nullptr;
  const float* values = nullptr;
  float* d_keys = nullptr;
  float* d_values = nullptr;
  std::size_t stride = 0;
  std::size_t length = 0;
};

inline HeadPrefix head_prefix(const AttentionPrefix& prefix, const PrefixGradient& gradient,
                              const HeadShape& shape, std::size_t sequence, std::size_t head) {
  if (prefix.length == 0 || prefix.adapter[sequence] < 0) return {};
  const std::size_t at =
      static_cast<std::size_t>(prefix.adapter[sequence]) * prefix.stride + head / shape.group() * shape.dim;
  const auto from = [&](float* data) -> float* { return data == nullptr ? nullptr : data + at; };
  return {prefix.keys + at,      prefix.values + at,         from(gradient.keys),
          from(gradient.values), shape.kv_heads * shape.dim, prefix.length};
}

// Row j of `rows` becomes column j of out, whose rows are out_stride long.
inline void transpose(const float* rows, std::size_t stride, std::size_t count, std::size_t dim, float* out,
                      std::size_t out_stride) {
  for (std::size_t j = 0; j < count; ++j)
    for (std::size_t d = 0; d < dim; ++d) out[d * out_stride + j] = rows[j * stride + d];
}

// Keys (or values) of one sequence and head, [dim, prefix + length], so that a row of scores is a weighted
// sum of contiguous rows.
inline void gather(const float* prefix, const HeadPrefix& shape, ConstView qkv, std::size_t column,
                   std::size_t dim, float* out) {
  const std::size_t total = shape.length + qkv.rows;
  transpose(prefix, shape.stride, shape.length, dim, out, total);
  transpose(qkv.data + column, qkv.stride, qkv.rows, dim, out + shape.length, total);
}

// p[0..n−1] = the scores of a query, capped but not yet scaled; returns what is left to multiply them by.
inline float cap_scores(float* p, std::size_t n, const HeadShape& shape) {
  const float scale = shape.score_scale();
  if (shape.cap <= 0.0F) return scale;
  const float inverse = scale / shape.cap;
#pragma omp simd
  for (std::size_t j = 0; j < n; ++j) p[j] = fast_tanh(inverse * p[j]);
  return shape.cap;
}

// p[0..n−1] = softmax(scale·p), or that of the capped scores; tanhs: null, or receives tanh(scale·p/cap).
inline void softmax_row(float* p, std::size_t n, const HeadShape& shape, float* tanhs = nullptr) {
  const float scale = cap_scores(p, n, shape);
  if (tanhs != nullptr) std::copy_n(p, n, tanhs);
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

// The softmax of a query's scaled and capped scores over n of `total` keys, written to p[0..n−1]; tanhs as in
// softmax_row.
inline void causal_row(const float* q, const float* keys, std::size_t total, std::size_t n,
                       const HeadShape& shape, float* p, float* tanhs = nullptr) {
  weighted_sum<false>(q, 1, keys, total, shape.dim, n, p);
  softmax_row(p, n, shape, tanhs);
}

// The keys that query i attends to, numbered with the prefix first: first … end − 1; from `own` on they are
// the sequence's own.
struct Seen {
  std::size_t prefix, first, own, end;

  Seen(const HeadShape& shape, std::size_t prefix_length, std::size_t i)
      : prefix(prefix_length),
        first(shape.first_key(prefix_length + i + 1)),
        own(std::max(first, prefix_length)),
        end(prefix_length + i + 1) {}
  [[nodiscard]] std::size_t count() const { return end - first; }
  [[nodiscard]] std::size_t own_row() const { return own - prefix; }
  [[nodiscard]] std::size_t own_count() const { return end - own; }
  [[nodiscard]] std::size_t prefix_count() const { return own - first; }
};

}  // namespace detail

}  // namespace zofo::tensor::cpu
