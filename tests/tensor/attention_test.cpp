/// @file Attention against a direct evaluation in double precision.
#include "zofo/tensor/cpu/attention.hpp"

#include "../model/golden.hpp"
#include "catch.hpp"

using namespace zofo::tensor::cpu;
using zofo::model::golden::formula;
using zofo::model::golden::largest_difference;

namespace {

struct Problem {
  HeadShape shape{6, 2, 10};
  std::vector<std::uint32_t> cu{0, 1, 8, 21};
  [[nodiscard]] std::size_t cols() const { return (shape.heads + 2 * shape.kv_heads) * shape.dim; }
  [[nodiscard]] std::size_t tokens() const { return cu.back(); }
};

// Keys and values of a group are found as the paper lays them out: queries, keys, values side by side.
std::vector<double> naive(const Problem& p, const std::vector<double>& qkv) {
  const std::size_t dim = p.shape.dim, heads = p.shape.heads, group = heads / p.shape.kv_heads;
  std::vector<double> out(p.tokens() * heads * dim, 0.0);
  const auto at = [&](std::size_t token, std::size_t block, std::size_t d) {
    return qkv[token * p.cols() + block * dim + d];
  };
  for (std::size_t s = 0; s + 1 < p.cu.size(); ++s)
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t i = p.cu[s]; i < p.cu[s + 1]; ++i) {
        std::vector<double> weight;
        double sum = 0.0;
        for (std::size_t j = p.cu[s]; j <= i; ++j) {
          double score = 0.0;
          for (std::size_t d = 0; d < dim; ++d) score += at(i, h, d) * at(j, heads + h / group, d);
          weight.push_back(std::exp(score / std::sqrt(static_cast<double>(dim))));
          sum += weight.back();
        }
        for (std::size_t j = p.cu[s]; j <= i; ++j)
          for (std::size_t d = 0; d < dim; ++d)
            out[(i * heads + h) * dim + d] +=
                weight[j - p.cu[s]] / sum * at(j, heads + p.shape.kv_heads + h / group, d);
      }
  return out;
}

std::vector<float> values(std::uint64_t stream, std::size_t n, float amplitude) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = amplitude * formula(stream, i);
  return x;
}

std::vector<double> widen(const std::vector<float>& x) { return {x.begin(), x.end()}; }

}  // namespace

TEST_CASE("attention equals its definition", "[tensor]") {
  const Problem p;
  const auto qkv = values(20, p.tokens() * p.cols(), 2.0F);
  std::vector<float> out(p.tokens() * p.shape.heads * p.shape.dim, 9.0F);
  attention(view(qkv.data(), p.tokens(), p.cols()), p.shape, p.cu,
            view(out.data(), p.tokens(), p.shape.heads * p.shape.dim));
  CHECK(largest_difference(out, naive(p, widen(qkv))) < 2e-6);
}

TEST_CASE("attention bears scores of hundreds", "[tensor]") {
  const Problem p;
  const auto qkv = values(21, p.tokens() * p.cols(), 16.0F);
  std::vector<float> out(p.tokens() * p.shape.heads * p.shape.dim);
  attention(view(qkv.data(), p.tokens(), p.cols()), p.shape, p.cu,
            view(out.data(), p.tokens(), p.shape.heads * p.shape.dim));
  CHECK(largest_difference(out, naive(p, widen(qkv))) < 2e-3);
}

TEST_CASE("attention_backward equals central differences", "[tensor]") {
  const Problem p;
  const std::size_t out_cols = p.shape.heads * p.shape.dim;
  const auto qkv = values(22, p.tokens() * p.cols(), 1.0F);
  const auto d_out = values(23, p.tokens() * out_cols, 1.0F);
  std::vector<float> d_qkv(qkv.size(), 9.0F);
  attention_backward(view(qkv.data(), p.tokens(), p.cols()), view(d_out.data(), p.tokens(), out_cols),
                     p.shape, p.cu, view(d_qkv.data(), p.tokens(), p.cols()));
  const auto weighted = [&](const std::vector<double>& x) {
    const auto out = naive(p, x);
    double sum = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(d_out[i]);
    return sum;
  };
  const double h = 1e-5;
  auto x = widen(qkv);
  // Every seventh entry: prime to the row's width, so all columns of queries, keys and values come up.
  for (std::size_t i = 0; i < x.size(); i += 7) {
    const double center = x[i];
    x[i] = center + h;
    const double plus = weighted(x);
    x[i] = center - h;
    const double minus = weighted(x);
    x[i] = center;
    INFO("token " << i / p.cols() << ", column " << i % p.cols());
    REQUIRE(d_qkv[i] == Approx((plus - minus) / (2 * h)).margin(2e-6));
  }
}
