/// @file Attention of single queries to cached keys and values on the CPU, and how they are stored.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/tensor/cache_view.hpp"
#include "zofo/tensor/cpu/attention_rows.hpp"
#include "zofo/tensor/cpu/thin_dots.hpp"

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

/// Row i of out = attention of row i of qkv to positions 0 … last[i] of slots[i], its own included, within
/// the window. scores: workspace of rows·heads·positions floats. A task is the queries of a row that share a
/// key/value head. Source: Vaswani et al. 2017, eq. 1.
inline void cached_attention(ConstView qkv, const HeadShape& shape, const CacheLayer<float>& cache,
                             std::span<const std::uint32_t> slots, std::span<const std::uint32_t> last,
                             float* scores, View out) {
  const std::size_t tasks = qkv.rows * shape.kv_heads, group = shape.group(), dim = shape.dim;
  const bool fused = detail::fuses_products();
#pragma omp parallel for schedule(dynamic)
  for (std::size_t t = 0; t < tasks; ++t) {
    const std::size_t row = t / shape.kv_heads, kv_head = t % shape.kv_heads;
    const std::size_t end = std::size_t{last[row]} + 1, first = shape.first_key(end), count = end - first;
    const std::size_t from = cache.at(slots[row], kv_head, first), head = kv_head * group;
    float* const p = scores + (row * shape.heads + head) * cache.positions;
    detail::best_cached_scores(fused, qkv.row(row) + shape.q_at(head), group, cache.keys + from, count, dim,
                               p, cache.positions);
    for (std::size_t h = 0; h < group; ++h) {
      detail::softmax_row(p + h * cache.positions, count, shape);
      detail::weighted_sum<false>(p + h * cache.positions, 1, cache.values + from, dim, count, dim,
                                  out.row(row) + (head + h) * dim);
    }
  }
}

}  // namespace zofo::tensor::cpu
