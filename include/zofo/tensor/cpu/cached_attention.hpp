/// @file Attention of single queries to cached keys and values on the CPU, and how these get there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/tensor/cache_view.hpp"
#include "zofo/tensor/cpu/attention_rows.hpp"
#include "zofo/tensor/cpu/thin_product.hpp"

namespace zofo::tensor::cpu {

/// Copies the keys and values of qkv's rows to the positions of a slot from `first` on.
inline void cache_rows(ConstView qkv, const HeadShape& shape, const CacheLayer<float>& cache,
                       std::size_t slot, std::size_t first) {
  for (std::size_t h = 0; h < shape.kv_heads; ++h)
    for (std::size_t i = 0; i < qkv.rows; ++i) {
      const std::size_t to = cache.at(slot, h, first + i);
      const float* const row = qkv.row(i) + (shape.heads + h) * shape.dim;
      std::copy_n(row, shape.dim, cache.keys + to);
      std::copy_n(row + shape.kv_heads * shape.dim, shape.dim, cache.values + to);
    }
}

/// Copies the prefix of adapter `adapter` to the first positions of a slot.
inline void cache_prefix(const AttentionPrefix& prefix, std::size_t adapter, const CacheLayer<float>& cache,
                         std::size_t slot) {
  const std::size_t width = cache.kv_heads * cache.dim;
  for (std::size_t h = 0; h < cache.kv_heads; ++h)
    for (std::size_t j = 0; j < prefix.length; ++j) {
      const std::size_t from = adapter * prefix.stride + j * width + h * cache.dim;
      const std::size_t to = cache.at(slot, h, j);
      std::copy_n(prefix.keys + from, cache.dim, cache.keys + to);
      std::copy_n(prefix.values + from, cache.dim, cache.values + to);
    }
}

namespace detail {

// softmax(q kᵀ/√dim) of a query over n rows of keys, written to p.
inline void cached_row(const float* q, const float* keys, std::size_t n, std::size_t dim, float* p) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  float high = -std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < n; ++j) {
    dots<1>(keys + j * dim, dim, q, dim, p + j);
    high = std::max(high, p[j]);
  }
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

}  // namespace detail

/// Row i of out = attention of row i of qkv to positions 0 … last[i] of slots[i], its own among them, within
/// the window. scores: room for rows·heads·positions numbers. Source: Vaswani et al. 2017, eq. 1.
inline void cached_attention(ConstView qkv, const HeadShape& shape, const CacheLayer<float>& cache,
                             std::span<const std::uint32_t> slots, std::span<const std::uint32_t> last,
                             float* scores, View out) {
  const std::size_t tasks = qkv.rows * shape.heads;
#pragma omp parallel for schedule(dynamic)
  for (std::size_t t = 0; t < tasks; ++t) {
    const std::size_t row = t / shape.heads, head = t % shape.heads;
    const std::size_t count = std::size_t{last[row]} + 1, first = shape.first_key(count);
    const std::size_t from = cache.at(slots[row], head / shape.group(), first);
    float* const p = scores + t * cache.positions;
    detail::cached_row(qkv.row(row) + shape.q_at(head), cache.keys + from, count - first, shape.dim, p);
    detail::weighted_sum<false>(p, 1, cache.values + from, shape.dim, count - first, shape.dim,
                                out.row(row) + head * shape.dim);
  }
}

}  // namespace zofo::tensor::cpu
