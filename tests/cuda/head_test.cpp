/// @file Log-probabilities from slices of logits, and their gradient, against double sums.
#include "zofo/tensor/cuda/kernels/head.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../catch.hpp"
#include "device.hpp"

using namespace zofo::tensor::cuda;

namespace {

struct Problem {
  std::uint32_t rows, probes, vocab;
  std::vector<TargetArgument> targets;  // those from `used` on are padding
  std::uint32_t used;
  std::vector<float> logits;  // [probes·rows, vocab]

  Problem(std::uint32_t rows_, std::uint32_t probes_, std::uint32_t vocab_, float amplitude)
      : rows(rows_),
        probes(probes_),
        vocab(vocab_),
        logits(random_values(vocab_, std::size_t{rows_} * probes_ * vocab_, amplitude)) {
    // row 0 has options of one prompt, one of them twice, and the vocabulary's two ends; the last row has
    // none
    targets = {{0, 5}, {0, 3}, {0, 5}, {0, 0}, {0, static_cast<std::int32_t>(vocab) - 1}};
    for (std::uint32_t r = 1; r + 1 < rows; ++r)
      targets.push_back({r, static_cast<std::int32_t>(r * 7919U % vocab)});
    used = static_cast<std::uint32_t>(targets.size());
    targets.resize(used + 3);
  }

  [[nodiscard]] double logit(std::size_t row, std::size_t v) const {
    return static_cast<double>(logits[row * vocab + v]);
  }
  [[nodiscard]] double log_sum(std::size_t row) const {
    const auto first = logits.begin() + static_cast<std::ptrdiff_t>(row * vocab);
    const double high = static_cast<double>(*std::max_element(first, first + vocab));
    double sum = 0.0;
    for (std::size_t v = 0; v < vocab; ++v) sum += std::exp(logit(row, v) - high);
    return high + std::log(sum);
  }
  [[nodiscard]] std::vector<double> log_p() const {
    std::vector<double> out;
    for (std::size_t j = 0; j < probes; ++j) {
      std::vector<double> sums;
      for (std::size_t r = 0; r < rows; ++r) sums.push_back(log_sum(j * rows + r));
      for (std::size_t t = 0; t < targets.size(); ++t)
        out.push_back(t < used
                          ? logit(j * rows + targets[t].row, static_cast<std::size_t>(targets[t].token)) -
                                sums[targets[t].row]
                          : 0.0);
    }
    return out;
  }
  [[nodiscard]] std::vector<double> gradient(const std::vector<double>& d_log_p) const {
    std::vector<double> out(std::size_t{rows} * vocab, 0.0);
    for (std::size_t r = 0; r < rows; ++r) {
      double slope = 0.0;
      for (std::size_t t = 0; t < used; ++t)
        if (targets[t].row == r) {
          slope += d_log_p[t];
          out[r * vocab + static_cast<std::size_t>(targets[t].token)] += d_log_p[t];
        }
      const double sum = log_sum(r);
      for (std::size_t v = 0; v < vocab; ++v) out[r * vocab + v] -= slope * std::exp(logit(r, v) - sum);
    }
    return out;
  }
  // Columns first … first + count − 1, rows `stride` apart, NaN between them.
  [[nodiscard]] std::vector<float> slice(std::uint32_t first, std::uint32_t count,
                                         std::uint32_t stride) const {
    std::vector<float> out(std::size_t{rows} * probes * stride, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t r = 0; r < std::size_t{rows} * probes; ++r)
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(r * vocab + first), count,
                  out.begin() + static_cast<std::ptrdiff_t>(r * stride));
    return out;
  }
};

// What the kernels leave on the GPU after the slices.
struct Sums {
  DeviceArray<TargetArgument> targets;
  DeviceArray<std::uint32_t> used;
  DeviceArray<RunningSum> sums;
  DeviceArray<float> picked;
  DeviceArray<double> log_p;

  Sums(const Problem& p, std::uint32_t slice, std::uint32_t padding)
      : targets(p.targets),
        used(std::vector<std::uint32_t>{p.used}),
        sums(std::size_t{p.rows} * p.probes),
        picked(p.probes * p.targets.size()),
        log_p(p.probes * p.targets.size()) {
    const auto count = static_cast<std::uint32_t>(p.targets.size());
    begin_sums(nullptr, sums.data(), sums.size());
    for (std::uint32_t first = 0; first < p.vocab; first += slice) {
      const std::uint32_t width = std::min(slice, p.vocab - first);
      const DeviceArray<float> logits(p.slice(first, width, width + padding));
      add_slice(nullptr,
                {.logits = logits.data(),
                 .stride = width + padding,
                 .first = first,
                 .count = width,
                 .rows = p.rows,
                 .probes = p.probes},
                {targets.data(), count, used.data()}, sums.data(), picked.data());
      must(cudaDeviceSynchronize());
    }
    finish_log_probabilities(nullptr, sums.data(), p.rows, p.probes, {targets.data(), count, used.data()},
                             picked.data(), log_p.data());
  }
};

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::isnan(a[i]) ? HUGE_VAL : std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

template <class T>
void check_gradient(const Problem& p, std::uint32_t stride) {
  const Sums s(p, p.vocab, stride - p.vocab);
  std::vector<double> d_log_p(p.targets.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::uint32_t t = 0; t < p.used; ++t) d_log_p[t] = 0.25 * (t % 5) - 0.6;
  const DeviceArray<double> slopes(d_log_p);
  const DeviceArray<float> logits(p.slice(0, p.vocab, stride));
  const auto compute = [&] {
    DeviceArray<T> out(std::size_t{p.rows} * stride);
    logit_gradient<T>(nullptr, {.logits = logits.data(), .stride = stride, .count = p.vocab, .rows = p.rows},
                      s.sums.data(),
                      {s.targets.data(), static_cast<std::uint32_t>(p.targets.size()), s.used.data()},
                      slopes.data(), out.data());
    return out.host();
  };
  const auto got = compute(), again = compute();
  CHECK(std::memcmp(got.data(), again.data(), got.size() * sizeof(T)) == 0);
  std::vector<double> dense;
  for (std::size_t r = 0; r < p.rows; ++r)
    for (std::size_t v = 0; v < p.vocab; ++v)
      dense.push_back(static_cast<double>(static_cast<float>(got[r * stride + v])));
  // fp32: exp of a difference of up to 2·amplitude loses as many units in the last place; bf16 rounds once
  CHECK(relative_error(dense, p.gradient(d_log_p)) < (std::is_same_v<T, bf16> ? 4e-3 : 1e-5));
  for (std::size_t r = 0; r < p.rows; ++r)
    for (std::size_t v = p.vocab; v < stride; ++v) CHECK(std::isnan(static_cast<float>(got[r * stride + v])));
}

}  // namespace

TEST_CASE("log-probabilities equal their definition whatever the slices", "[cuda]") {
  for (const std::uint32_t probes : {1U, 2U}) {
    const Problem p(5, probes, 1003, 8.0F);
    for (const std::uint32_t slice : {1003U, 256U, 7U})
      for (const std::uint32_t padding : {0U, 1U, 5U}) {
        CAPTURE(probes, slice, padding);
        // a sum of exponentials in fp32 is good to a few 1e-7, and so is its logarithm
        CHECK(largest_difference(Sums(p, slice, padding).log_p.host(), p.log_p()) < 2e-6);
      }
  }
}

TEST_CASE("log-probabilities of a whole vocabulary", "[cuda]") {
  const Problem p(9, 2, 50265, 12.0F);
  const auto expected = p.log_p();
  CHECK(largest_difference(Sums(p, 50265, 7).log_p.host(), expected) < 2e-6);
  CHECK(largest_difference(Sums(p, 8192, 0).log_p.host(), expected) < 2e-6);
  CHECK(largest_difference(Sums(p, 8192, 0).log_p.host(), Sums(p, 8192, 0).log_p.host()) == 0.0);
}

TEST_CASE("log-probabilities are right for large and missing logits, and NaN is not hidden", "[cuda]") {
  Problem p(4, 1, 600, 3.0F);
  for (float& x : p.logits) x += 3000.0F;
  CHECK(largest_difference(Sums(p, 128, 0).log_p.host(), p.log_p()) < 2e-6);
  std::fill_n(p.logits.begin(), 256, -std::numeric_limits<float>::infinity());
  p.targets.assign(1, {0, 300});
  p.used = 1;
  CHECK(largest_difference(Sums(p, 128, 0).log_p.host(), p.log_p()) < 2e-6);
  p.logits[17] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(Sums(p, 128, 0).log_p.host()[0]));
}

TEST_CASE("padding targets beyond the used ones do nothing", "[cuda]") {
  Problem p(3, 1, 64, 2.0F);
  p.used = 0;
  CHECK(Sums(p, 64, 0).log_p.host() == std::vector<double>(p.targets.size(), 0.0));
  check_gradient<float>(p, 64);
}

TEMPLATE_TEST_CASE("the logits' gradient equals its definition", "[cuda]", bf16, float) {
  check_gradient<TestType>(Problem(5, 1, 1000, 4.0F), 1000);
  check_gradient<TestType>(Problem(5, 1, 1003, 4.0F), 1008);
  check_gradient<TestType>(Problem(5, 1, 1003, 4.0F), 1003);
  check_gradient<TestType>(Problem(70, 1, 20011, 6.0F), 20016);
  check_gradient<TestType>(Problem(1, 1, 9, 1.0F), 16);
}

TEMPLATE_TEST_CASE("many targets of one row", "[cuda]", bf16, float) {
  Problem p(2, 1, 9000, 3.0F);
  p.targets.clear();
  for (std::int32_t t = 0; t < 300; ++t) p.targets.push_back({t % 3 == 0 ? 1U : 0U, t * 61 % 97 * 91});
  p.used = 300;
  check_gradient<TestType>(p, 9000);
}
