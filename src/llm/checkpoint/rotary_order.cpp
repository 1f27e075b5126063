#include "zofo/checkpoint/rotary_order.hpp"

#include <algorithm>
#include <vector>

#include "zofo/core/chunks.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// Rotated row r of every head becomes the head's former row from(r); weights: [heads·head_dim, cols].
template <class From>
void reorder_rotary(std::span<float> weights, const RotaryRows& order, std::size_t cols, const From& from) {
  const std::size_t heads = order.heads, head_dim = order.head_dim, rotated = order.rotated;
  require(rotated > 0 && rotated % 2 == 0 && rotated <= head_dim,
          "rotary order: {} rotated rows: must be even, not 0, head_dim = {} at most", rotated, head_dim);
  require(cols > 0 && weights.size() % cols == 0 && weights.size() / cols % head_dim == 0 &&
              weights.size() / cols / head_dim == heads,
          "rotary order: {} weights: must be {} heads of {} rows and {} columns", weights.size(), heads,
          head_dim, cols);
  for_each_chunk(heads, cols < 64 ? std::max<std::size_t>(1, heads) : 1,
                 [&](std::size_t first, std::size_t count) {
                   std::vector<float> head(rotated * cols);
                   for (std::size_t h = first; h < first + count; ++h) {
                     const std::span<float> rows = weights.subspan(h * head_dim * cols, head.size());
                     for (std::size_t r = 0; r < rotated; ++r)
                       std::copy_n(rows.data() + from(r) * cols, cols, head.data() + r * cols);
                     std::ranges::copy(head, rows.begin());
                   }
                 });
}

}  // namespace

bool gguf_holds_halves(std::string_view architecture) {
  return architecture != "llama" && architecture != "smollm3" && architecture != "granite";
}

void interleave_rotary(std::span<float> weights, const RotaryRows& rows, std::size_t cols) {
  reorder_rotary(weights, rows, cols,
                 [half = rows.rotated / 2](std::size_t r) { return r / 2 + r % 2 * half; });
}

void halve_rotary(std::span<float> weights, const RotaryRows& rows, std::size_t cols) {
  reorder_rotary(weights, rows, cols,
                 [half = rows.rotated / 2](std::size_t r) { return r < half ? 2 * r : 2 * (r - half) + 1; });
}

}  // namespace zofo::checkpoint
