#include "zofo/checkpoint/rotary_order.hpp"

#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// Row r of every head becomes the head's former row from(r); weights: [heads·head_dim, cols].
template <class From>
void reorder_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim, std::size_t cols,
                    const From& from) {
  require(head_dim > 0 && head_dim % 2 == 0, "rotary order: head_dim = {}: must be even and not 0", head_dim);
  require(cols > 0 && weights.size() % cols == 0 && weights.size() / cols % head_dim == 0 &&
              weights.size() / cols / head_dim == heads,
          "rotary order: {} weights: must be {} heads of {} rows and {} columns", weights.size(), heads,
          head_dim, cols);
  std::vector<float> head(head_dim * cols);
  for (std::size_t h = 0; h < heads; ++h) {
    const std::span<float> rows = weights.subspan(h * head.size(), head.size());
    for (std::size_t r = 0; r < head_dim; ++r)
      for (std::size_t c = 0; c < cols; ++c) head[r * cols + c] = rows[from(r) * cols + c];
    for (std::size_t i = 0; i < head.size(); ++i) rows[i] = head[i];
  }
}

}  // namespace

void interleave_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim, std::size_t cols) {
  reorder_rotary(weights, heads, head_dim, cols,
                 [half = head_dim / 2](std::size_t r) { return r / 2 + r % 2 * half; });
}

void halve_rotary(std::span<float> weights, std::size_t heads, std::size_t head_dim, std::size_t cols) {
  reorder_rotary(weights, heads, head_dim, cols,
                 [half = head_dim / 2](std::size_t r) { return r < half ? 2 * r : 2 * (r - half) + 1; });
}

}  // namespace zofo::checkpoint
