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

// Two adapters' prefixes of three keys; the first and last sequences use one each, the middle one none.
struct Prefix {
  static constexpr std::size_t length = 3, adapters = 2;
  std::vector<std::int32_t> adapter{1, -1, 0};
  std::vector<double> keys, values;
};

// One row of keys or values as the definition numbers them: those of the prefix first.
struct Row {
  const double* key;
  const double* value;
};

std::vector<Row> rows_of(const Problem& p, const std::vector<double>& qkv, const Prefix* prefix,
                         std::size_t sequence, std::size_t kv_head) {
  const std::size_t dim = p.shape.dim, width = p.shape.kv_heads * dim;
  std::vector<Row> rows;
  if (prefix != nullptr && prefix->adapter[sequence] >= 0)
    for (std::size_t j = 0; j < Prefix::length; ++j) {
      const std::size_t row = static_cast<std::size_t>(prefix->adapter[sequence]) * Prefix::length + j;
      rows.push_back({prefix->keys.data() + row * width + kv_head * dim,
                      prefix->values.data() + row * width + kv_head * dim});
    }
  for (std::size_t j = p.cu[sequence]; j < p.cu[sequence + 1]; ++j) {
    const double* row = qkv.data() + j * p.cols() + (p.shape.heads + kv_head) * dim;
    rows.push_back({row, row + width});
  }
  return rows;
}

// Keys and values of a group are found as the paper lays them out: queries, keys, values side by side.
std::vector<double> naive(const Problem& p, const std::vector<double>& qkv, const Prefix* prefix = nullptr) {
  const std::size_t dim = p.shape.dim, heads = p.shape.heads, group = heads / p.shape.kv_heads;
  std::vector<double> out(p.tokens() * heads * dim, 0.0);
  for (std::size_t s = 0; s + 1 < p.cu.size(); ++s)
    for (std::size_t h = 0; h < heads; ++h) {
      const auto rows = rows_of(p, qkv, prefix, s, h / group);
      for (std::size_t i = p.cu[s]; i < p.cu[s + 1]; ++i) {
        const std::size_t visible = rows.size() - (p.cu[s + 1] - i) + 1;
        const std::size_t first =
            p.shape.window == 0 || visible < p.shape.window ? 0 : visible - p.shape.window;
        std::vector<double> weight;
        double sum = 0.0;
        for (std::size_t j = first; j < visible; ++j) {
          double score = 0.0;
          for (std::size_t d = 0; d < dim; ++d) score += qkv[i * p.cols() + h * dim + d] * rows[j].key[d];
          const auto scale = static_cast<double>(p.shape.scale), cap = static_cast<double>(p.shape.cap);
          score *= scale > 0.0 ? scale : 1.0 / std::sqrt(static_cast<double>(dim));
          weight.push_back(std::exp(cap > 0.0 ? cap * std::tanh(score / cap) : score));
          sum += weight.back();
        }
        for (std::size_t j = first; j < visible; ++j)
          for (std::size_t d = 0; d < dim; ++d)
            out[(i * heads + h) * dim + d] += weight[j - first] / sum * rows[j].value[d];
      }
    }
  return out;
}

std::vector<float> attention_values(std::uint64_t stream, std::size_t n, float amplitude) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = amplitude * formula(stream, i);
  return x;
}

std::vector<double> widen(const std::vector<float>& x) { return {x.begin(), x.end()}; }

}  // namespace

TEST_CASE("attention equals its definition", "[tensor]") {
  const Problem p;
  const auto qkv = attention_values(20, p.tokens() * p.cols(), 2.0F);
  std::vector<float> out(p.tokens() * p.shape.heads * p.shape.dim, 9.0F);
  attention(view(qkv.data(), p.tokens(), p.cols()), p.shape, p.cu,
            view(out.data(), p.tokens(), p.shape.heads * p.shape.dim));
  CHECK(largest_difference(out, naive(p, widen(qkv))) < 2e-6);
}

TEST_CASE("attention bears scores of hundreds", "[tensor]") {
  const Problem p;
  const auto qkv = attention_values(21, p.tokens() * p.cols(), 16.0F);
  std::vector<float> out(p.tokens() * p.shape.heads * p.shape.dim);
  attention(view(qkv.data(), p.tokens(), p.cols()), p.shape, p.cu,
            view(out.data(), p.tokens(), p.shape.heads * p.shape.dim));
  CHECK(largest_difference(out, naive(p, widen(qkv))) < 2e-3);
}

TEST_CASE("attention_backward equals central differences", "[tensor]") {
  const Problem p;
  const std::size_t out_cols = p.shape.heads * p.shape.dim;
  const auto qkv = attention_values(22, p.tokens() * p.cols(), 1.0F);
  const auto d_out = attention_values(23, p.tokens() * out_cols, 1.0F);
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

namespace {

// Prefixes in fp32, those of an adapter `stride` entries apart, and the same in double.
struct PrefixValues {
  static constexpr std::size_t gap = 5;  // entries between two adapters' prefixes that nobody may touch
  explicit PrefixValues(const Problem& p) : size(Prefix::length * p.shape.kv_heads * p.shape.dim) {
    const auto key_values = attention_values(24, Prefix::adapters * size, 2.0F);
    const auto value_values = attention_values(25, Prefix::adapters * size, 2.0F);
    exact.keys = widen(key_values);
    exact.values = widen(value_values);
    keys = spread(key_values);
    vals = spread(value_values);
  }
  [[nodiscard]] std::vector<float> spread(const std::vector<float>& dense) const {
    std::vector<float> x(Prefix::adapters * (size + gap), std::nanf(""));
    for (std::size_t i = 0; i < dense.size(); ++i) x[i / size * (size + gap) + i % size] = dense[i];
    return x;
  }
  [[nodiscard]] AttentionPrefix view() const {
    return {keys.data(), vals.data(), size + gap, Prefix::length, exact.adapter};
  }
  std::size_t size;
  Prefix exact;
  std::vector<float> keys, vals;
};

}  // namespace

TEST_CASE("attention with a prefix, a window and a cap equals its definition", "[tensor]") {
  Problem p;
  p.shape.window = GENERATE(0U, 1U, 4U, 9U, 16U);
  p.shape.cap = GENERATE(0.0F, 1.5F);
  if (p.shape.cap > 0.0F) p.shape.scale = 0.5F;
  INFO("window " << p.shape.window << ", cap " << p.shape.cap);
  const PrefixValues prefix(p);
  const auto qkv = attention_values(26, p.tokens() * p.cols(), 2.0F);
  std::vector<float> out(p.tokens() * p.shape.heads * p.shape.dim, 9.0F);
  prefixed_attention(view(qkv.data(), p.tokens(), p.cols()), p.shape, p.cu, prefix.view(),
                     view(out.data(), p.tokens(), p.shape.heads * p.shape.dim));
  CHECK(largest_difference(out, naive(p, widen(qkv), &prefix.exact)) < 2e-6);
  // The prefix matters where somebody sees it.
  if (p.shape.window != 1) CHECK(largest_difference(out, naive(p, widen(qkv))) > 0.1);
}

TEST_CASE("attention_backward with a prefix, a window and a cap equals central differences", "[tensor]") {
  Problem p;
  p.shape.window = GENERATE(0U, 1U, 4U, 15U);
  p.shape.cap = GENERATE(0.0F, 1.5F);
  if (p.shape.cap > 0.0F) p.shape.scale = 0.5F;
  INFO("window " << p.shape.window << ", cap " << p.shape.cap);
  p.cu = {0, 1, 8, 21, 26, 26};  // two sequences of adapter 0, whose gradients are summed; an empty one
  PrefixValues prefix(p);
  prefix.exact.adapter = {1, -1, 0, 0, 1};
  const std::size_t out_cols = p.shape.heads * p.shape.dim;
  const auto qkv = attention_values(27, p.tokens() * p.cols(), 1.0F);
  const auto d_out = attention_values(28, p.tokens() * out_cols, 1.0F);
  std::vector<float> d_qkv(qkv.size(), 9.0F);
  // Gradients are added to what is there.
  std::vector<float> d_keys(prefix.keys.size(), 1.0F), d_values(prefix.keys.size(), 2.0F);
  prefixed_attention_backward(view(qkv.data(), p.tokens(), p.cols()),
                              view(d_out.data(), p.tokens(), out_cols), p.shape, p.cu, prefix.view(),
                              view(d_qkv.data(), p.tokens(), p.cols()), {d_keys.data(), d_values.data()});
  auto x = widen(qkv);
  const auto slope = [&](double& entry) {
    const auto weighted = [&](double at) {
      entry = at;
      const auto out = naive(p, x, &prefix.exact);
      double sum = 0.0;
      for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(d_out[i]);
      return sum;
    };
    constexpr double h = 1e-5;
    const double center = entry;
    const double difference = weighted(center + h) - weighted(center - h);
    entry = center;
    return difference / (2 * h);
  };
  // Eleven is prime to the rows' widths, so all columns come up.
  for (std::size_t i = 0; i < x.size(); i += 11) {
    INFO("token " << i / p.cols() << ", column " << i % p.cols());
    REQUIRE(d_qkv[i] == Approx(slope(x[i])).margin(2e-6));
  }
  for (std::size_t i = 0; i < prefix.exact.keys.size(); ++i) {
    const std::size_t at = i / prefix.size * (prefix.size + PrefixValues::gap) + i % prefix.size;
    INFO("entry " << i << " of the prefix");
    REQUIRE(d_keys[at] - 1.0F == Approx(slope(prefix.exact.keys[i])).margin(4e-6));
    REQUIRE(d_values[at] - 2.0F == Approx(slope(prefix.exact.values[i])).margin(4e-6));
  }
  for (std::size_t i = 0; i < PrefixValues::gap; ++i) REQUIRE(d_keys[prefix.size + i] == 1.0F);
}
