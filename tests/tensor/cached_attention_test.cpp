/// @file What decode steps on the CPU consist of, against direct evaluations in double precision: thin
/// products, and attention to cached keys and values.
#include "zofo/tensor/cpu/cached_attention.hpp"

#include <array>
#include <limits>

#include "../model/golden.hpp"
#include "catch.hpp"
#include "zofo/tensor/cpu/attention.hpp"

using namespace zofo::tensor;
using namespace zofo::tensor::cpu;
using zofo::model::golden::formula;

namespace {

std::vector<float> cached_values(std::uint64_t stream, std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = formula(stream, i);
  return x;
}
double wide(float x) { return static_cast<double>(x); }

}  // namespace

TEST_CASE("a thin product is within fp32's bound of the exact one, the same bits for any number of rows",
          "[tensor]") {
  constexpr std::size_t rows = 11, out = 9;
  for (const std::size_t in : {1U, 7U, 8U, 15U, 16U, 31U, 33U, 80U, 100U}) {
    const std::vector<float> x = cached_values(1, rows * in), w = cached_values(2, out * in),
                             start = cached_values(3, rows * out);
    for (const float beta : {0.0F, 1.0F}) {
      std::vector<float> y = start;
      if (beta == 0.0F) y[4] = std::numeric_limits<float>::quiet_NaN();  // is not read
      thin_product(view(x.data(), rows, in), view(w.data(), out, in), beta, view(y.data(), rows, out));
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t o = 0; o < out; ++o) {
          double sum = wide(beta) * wide(start[r * out + o]), size = std::abs(sum);
          for (std::size_t k = 0; k < in; ++k) {
            sum += wide(x[r * in + k]) * wide(w[o * in + k]);
            size += std::abs(wide(x[r * in + k]) * wide(w[o * in + k]));
          }
          // Higham 2002, eq. 3.5: n + 1 roundings at most of each term.
          CHECK(std::abs(wide(y[r * out + o]) - sum) <= static_cast<double>(in + 1) * 0x1p-24 * size);
        }
      for (std::size_t r = 0; r < rows; ++r) {
        std::vector<float> alone(start.begin() + static_cast<std::ptrdiff_t>(r * out),
                                 start.begin() + static_cast<std::ptrdiff_t>((r + 1) * out));
        thin_product(view(x.data() + r * in, 1, in), view(w.data(), out, in), beta,
                     view(alone.data(), 1, out));
        CHECK(std::equal(alone.begin(), alone.end(), y.begin() + static_cast<std::ptrdiff_t>(r * out)));
      }
    }
  }
}

TEST_CASE("attention of a decode step equals that of the last row of a whole pass", "[tensor]") {
  constexpr std::size_t slots = 4, positions = 40, length = 3, sequences = 3;
  for (const HeadShape& shape : {HeadShape{6, 2, 10}, HeadShape{4, 4, 8, 5}, HeadShape{3, 1, 64, 1},
                                 HeadShape{4, 2, 8, 0, 0.5F, 2.0F}}) {
    const std::size_t width = (shape.heads + 2 * shape.kv_heads) * shape.dim,
                      out_width = shape.heads * shape.dim;
    const std::size_t key_width = shape.kv_heads * shape.dim;
    // Sequences of 1, 9 and 33 tokens, the last two with prefixes 1 and 0.
    const std::vector<std::uint32_t> cu{0, 1, 10, 43};
    const std::vector<std::int32_t> adapter{-1, 1, 0};
    const std::vector<float> qkv = cached_values(1, cu.back() * width),
                             keys = cached_values(2, 2 * length * key_width),
                             prefix_values = cached_values(3, 2 * length * key_width);
    const AttentionPrefix prefix{keys.data(), prefix_values.data(), length * key_width, length, adapter};
    std::vector<float> whole(cu.back() * out_width);
    prefixed_attention(view(qkv.data(), cu.back(), width), shape, cu, prefix,
                       view(whole.data(), cu.back(), out_width));

    // What no row was written to is NaN, so that whatever reads it shows.
    std::vector<float> memory(2 * slots * positions * key_width, std::numeric_limits<float>::quiet_NaN());
    const CacheLayer<float> cache =
        CacheView<float>{memory.data(), slots, positions, shape.kv_heads, shape.dim}.layer(0);
    const std::array<std::uint32_t, sequences> slot{2, 3, 0};
    std::vector<std::uint32_t> last;
    std::vector<float> queries;
    for (std::size_t s = 0; s < sequences; ++s) {
      const std::size_t before = adapter[s] < 0 ? 0 : length;
      if (before > 0) cache_prefix(prefix, static_cast<std::size_t>(adapter[s]), cache, slot[s]);
      const ConstView rows = view(qkv.data() + cu[s] * width, cu[s + 1] - cu[s], width);
      // In two parts, as a prompt and what is written.
      cache_rows(rows.rows_from(0, rows.rows / 2), shape, cache, slot[s], before);
      cache_rows(rows.rows_from(rows.rows / 2, rows.rows - rows.rows / 2), shape, cache, slot[s],
                 before + rows.rows / 2);
      last.push_back(static_cast<std::uint32_t>(before + rows.rows - 1));
      queries.insert(queries.end(), rows.row(rows.rows - 1), rows.row(rows.rows - 1) + width);
    }
    std::vector<float> out(sequences * out_width), scores(sequences * shape.heads * positions);
    cached_attention(view(static_cast<const float*>(queries.data()), sequences, width), shape, cache, slot,
                     last, scores.data(), view(out.data(), sequences, out_width));
    for (std::size_t s = 0; s < sequences; ++s)
      for (std::size_t i = 0; i < out_width; ++i)
        // Convex sums of numbers below 1: dim roundings in a score below √dim, as many in its exponential's
        // exponent, and one a key in the sum.
        CHECK(out[s * out_width + i] ==
              Approx(whole[(cu[s + 1] - 1) * out_width + i]).epsilon(0).margin(100 * 0x1p-24 * 8));
  }
}
