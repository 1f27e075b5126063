/// @file Two orders of a head's rows: rotary pairs side by side, and pairs a half apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace detail {

/// Row r of every head becomes the one that lay at from(r); weights: [heads·head_dim, cols].
template <class From>
void reorder_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim, std::size_t cols,
                    const From& from) {
  require(head_dim > 0 && head_dim % 2 == 0, "rotary order: head_dim = {}: must be even and not 0", head_dim);
  require(cols > 0 && weights.size() % cols == 0 && weights.size() / cols % head_dim == 0 &&
              weights.size() / cols / head_dim == heads,
          "rotary order: {} weights: {} heads of {} rows and {} columns are asked for", weights.size(), heads,
          head_dim, cols);
  std::vector<float> head(head_dim * cols);
  for (std::size_t h = 0; h < heads; ++h) {
    const std::span<float> rows = weights.subspan(h * head.size(), head.size());
    for (std::size_t r = 0; r < head_dim; ++r)
      for (std::size_t c = 0; c < cols; ++c) head[r * cols + c] = rows[from(r) * cols + c];
    for (std::size_t i = 0; i < head.size(); ++i) rows[i] = head[i];
  }
}

}  // namespace detail

/// From Hugging Face's order to this model's and GGUF's: rows j and j + head_dim/2 of every head, which a
/// rotary position turns together, become neighbours 2j and 2j + 1. In place; weights: q's or k's matrix
/// [heads·head_dim, cols], or its bias (cols 1). Throws Error if the sizes disagree.
inline void interleave_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim,
                              std::size_t cols) {
  detail::reorder_rotary(weights, heads, head_dim, cols,
                         [half = head_dim / 2](std::size_t r) { return r / 2 + r % 2 * half; });
}

/// The inverse of interleave_rotary.
inline void halve_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim,
                         std::size_t cols) {
  detail::reorder_rotary(weights, heads, head_dim, cols, [half = head_dim / 2](std::size_t r) {
    return r < half ? 2 * r : 2 * (r - half) + 1;
  });
}

}  // namespace zofo::checkpoint
