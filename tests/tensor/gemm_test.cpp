/// @file Products against loops in double precision, on views with strides.
#include "zofo/tensor/cpu/gemm.hpp"

#include "../model/golden.hpp"
#include "catch.hpp"

using namespace zofo::tensor::cpu;

namespace {

// A rows × cols view in the middle of a wider buffer.
struct Padded {
  std::size_t rows, cols, stride;
  std::vector<float> data;
  Padded(std::uint64_t stream, std::size_t r, std::size_t c)
      : rows(r), cols(c), stride(c + 3), data(r * (c + 3)) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = zofo::model::golden::formula(stream, i);
  }
  View view() { return View{data.data(), rows, stride, stride}.cols_from(2, cols); }
  [[nodiscard]] double at(std::size_t i, std::size_t j) const {
    return static_cast<double>(data[i * stride + 2 + j]);
  }
};

}  // namespace

TEST_CASE("the three products equal loops and touch only their view", "[tensor]") {
  const std::size_t m = 5, n = 7, k = 4;
  Padded nt_a(1, m, k), nt_b(2, n, k), nn_b(3, k, n), tn_a(4, k, m);
  const Padded start(5, m, n);
  const auto check = [&](auto product, Padded& a, Padded& b, auto a_at, auto b_at) {
    Padded c = start;
    product(2.0F, a.view(), b.view(), 0.5F, c.view());
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0.0;
        for (std::size_t l = 0; l < k; ++l) sum += a_at(i, l) * b_at(l, j);
        CHECK(c.at(i, j) == Approx(2.0 * sum + 0.5 * start.at(i, j)).margin(1e-6));
      }
      for (const std::size_t j : {std::size_t{0}, std::size_t{1}, n + 2})
        CHECK(c.data[i * c.stride + j] == start.data[i * c.stride + j]);
    }
  };
  const auto plain = [](const Padded& x) {
    return [&x](std::size_t i, std::size_t j) { return x.at(i, j); };
  };
  const auto turned = [](const Padded& x) {
    return [&x](std::size_t i, std::size_t j) { return x.at(j, i); };
  };
  check(&gemm_nt, nt_a, nt_b, plain(nt_a), turned(nt_b));
  check(&gemm_nn, nt_a, nn_b, plain(nt_a), plain(nn_b));
  check(&gemm_tn, tn_a, nn_b, turned(tn_a), plain(nn_b));
}

TEST_CASE("views name rows and columns of their buffer", "[tensor]") {
  std::vector<float> x(12);
  const View v = view(x.data(), 3, 4);
  CHECK(v.rows_from(1, 2).row(1) == x.data() + 8);
  CHECK(v.cols_from(2, 2).row(1) == x.data() + 6);
  CHECK(v.cols_from(2, 2).cols == 2);
  CHECK(v.rows_from(1, 2).rows == 2);
}
