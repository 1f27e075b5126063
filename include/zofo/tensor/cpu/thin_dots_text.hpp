/// @file Dot products of few rows as text, read once in each namespace whose functions are compiled for other
/// instructions (thin_dots.hpp): zofo::tensor::cpu::detail::portable, for any processor, and
/// zofo::tensor::cpu::detail::avx2. No include guard, therefore. The namespace has defined
/// add_product(a, b, sum): sum += a·b in each lane.
#include <cstddef>

/// The sum of eight lanes, always in the same order.
inline float lane_sum(const Lanes& x) {
  const auto four = __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
  const auto two = four + __builtin_shufflevector(four, four, 2, 3, 0, 1);
  return two[0] + two[1];
}

/// The first `count` floats from p on, then zeros.
inline void load_first(const float* p, std::size_t count, LanesAt& padded) {
  padded = LanesAt{};
  for (std::size_t i = 0; i < count; ++i) padded.value[i] = p[i];
}

/// out[r·out_stride + o] = x_r · w_o for `rows` rows of x and `outs` rows of w. A sum consists of the same
/// operations in the same order for every `rows` and `outs`.
template <std::size_t rows, std::size_t outs>
void dots(const float* x, std::size_t x_stride, const float* w, std::size_t w_stride, std::size_t n,
          float* out, std::size_t out_stride) {
  Lanes sum[rows][outs]{};
  std::size_t k = 0;
  for (; k + 8 <= n; k += 8)
#pragma GCC unroll 8
    for (std::size_t r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (std::size_t o = 0; o < outs; ++o)
        add_product(lanes(w + o * w_stride + k), lanes(x + r * x_stride + k), sum[r][o]);
  if (k < n)
    for (std::size_t o = 0; o < outs; ++o) {
      LanesAt last_w, last_x;
      load_first(w + o * w_stride + k, n - k, last_w);
      for (std::size_t r = 0; r < rows; ++r) {
        load_first(x + r * x_stride + k, n - k, last_x);
        add_product(last_w, last_x, sum[r][o]);
      }
    }
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t o = 0; o < outs; ++o) out[r * out_stride + o] = lane_sum(sum[r][o]);
}

/// `rows` entries of a column of y = x wᵀ + beta·y from row r on; w: the column's row of the weight.
template <std::size_t rows>
void thin_part(ConstView x, std::size_t r, const float* w, float beta, View y, std::size_t column) {
  float sums[rows];
  dots<rows, 1>(x.row(r), x.stride, w, x.cols, x.cols, sums, 1);
  for (std::size_t i = 0; i < rows; ++i) {
    float& to = y.row(r + i)[column];
    to = beta == 0.0F ? sums[i] : sums[i] + beta * to;
  }
}

/// Column `column` of y = x wᵀ + beta·y.
inline void thin_column(ConstView x, const float* w, float beta, View y, std::size_t column) {
  std::size_t r = 0;
  for (; r + 8 <= x.rows; r += 8) thin_part<8>(x, r, w, beta, y, column);
  for (; r + 4 <= x.rows; r += 4) thin_part<4>(x, r, w, beta, y, column);
  for (; r < x.rows; ++r) thin_part<1>(x, r, w, beta, y, column);
}

/// Scores of `heads` queries, [heads, dim], against n rows of keys: row h of p, whose rows are `stride` long.
/// Four keys are loaded at a time for all queries.
inline void cached_scores(const float* q, std::size_t heads, const float* keys, std::size_t n,
                          std::size_t dim, float* p, std::size_t stride) {
  std::size_t j = 0;
  for (; j + 4 <= n; j += 4)
    for (std::size_t h = 0; h < heads; ++h)
      dots<1, 4>(q + h * dim, dim, keys + j * dim, dim, dim, p + h * stride + j, stride);
  for (; j < n; ++j)
    for (std::size_t h = 0; h < heads; ++h)
      dots<1, 1>(q + h * dim, dim, keys + j * dim, dim, dim, p + h * stride + j, stride);
}
