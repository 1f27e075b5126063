/// @file OPT's row-wise operations against double precision and central differences.
#include "zofo/tensor/cpu/opt_ops.hpp"

#include <limits>

#include "../model/golden.hpp"
#include "catch.hpp"

using namespace zofo::tensor::cpu;
using zofo::model::golden::formula;

namespace {

std::vector<float> opt_values(std::uint64_t stream, std::size_t n, float amplitude = 1.0F) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = amplitude * formula(stream, i);
  return x;
}

// The definition for one row.
std::vector<double> normalized(const std::vector<double>& x, double eps) {
  const auto n = static_cast<double>(x.size());
  double mean = 0.0, square = 0.0;
  for (const double v : x) mean += v / n;
  for (const double v : x) square += (v - mean) * (v - mean) / n;
  std::vector<double> y;
  for (const double v : x) y.push_back((v - mean) / std::sqrt(square + eps));
  return y;
}

std::vector<double> row(const std::vector<float>& x, std::size_t r, std::size_t stride, std::size_t n) {
  const auto at = x.begin() + static_cast<std::ptrdiff_t>(r * stride);
  return {at, at + static_cast<std::ptrdiff_t>(n)};
}

// Σ dy ∘ gain ∘ normalized(x) of one row.
double weighted_opt_norm(const std::vector<double>& x, const std::vector<float>& gain, double eps,
                         const std::vector<double>& dy) {
  const auto y = normalized(x, eps);
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += dy[i] * static_cast<double>(gain[i]) * y[i];
  return sum;
}

}  // namespace

TEST_CASE("layer_norm equals double precision, row by row, other columns unchanged", "[tensor]") {
  const std::size_t rows = 5, n = 37, stride = 40;
  const auto x = opt_values(1, rows * stride, 3.0F), gain = opt_values(2, n), bias = opt_values(3, n);
  std::vector<float> y(rows * stride, 7.0F);
  layer_norm({x.data(), rows, n, stride}, gain.data(), bias.data(), 1e-2F, {y.data(), rows, n, stride});
  for (std::size_t r = 0; r < rows; ++r) {
    const auto expected = normalized(row(x, r, stride, n), 1e-2);
    for (std::size_t i = 0; i < n; ++i)
      REQUIRE(y[r * stride + i] ==
              Approx(expected[i] * static_cast<double>(gain[i]) + static_cast<double>(bias[i])).margin(1e-6));
    for (std::size_t i = n; i < stride; ++i) REQUIRE(y[r * stride + i] == 7.0F);
  }
}

TEST_CASE("layer_norm is accurate for a large mean, and works in place", "[tensor]") {
  const std::size_t n = 64;
  auto x = opt_values(4, n);
  for (float& v : x) v += 1000.0F;
  const std::vector<float> gain(n, 1.0F), bias(n, 0.0F);
  const auto expected = normalized(row(x, 0, n, n), 1e-5);
  layer_norm(view(static_cast<const float*>(x.data()), 1, n), gain.data(), bias.data(), 1e-5F,
             view(x.data(), 1, n));
  for (std::size_t i = 0; i < n; ++i) REQUIRE(x[i] == Approx(expected[i]).margin(2e-4));
}

TEST_CASE("layer_norm of a constant row is its bias", "[tensor]") {
  const std::size_t n = 9;
  const std::vector<float> x(n, 2.5F);
  const auto gain = opt_values(5, n), bias = opt_values(6, n);
  std::vector<float> y(n);
  layer_norm(view(x.data(), 1, n), gain.data(), bias.data(), 1e-5F, view(y.data(), 1, n));
  for (std::size_t i = 0; i < n; ++i) CHECK(y[i] == Approx(bias[i]).margin(1e-6));
}

TEST_CASE("layer_norm_backward equals central differences and adds", "[tensor]") {
  const std::size_t rows = 3, n = 19;
  const float eps = 0.0625F;
  auto x = opt_values(7, rows * n);
  for (std::size_t i = 0; i < n; ++i) x[i] += 2.0F;  // one row with a mean of its own
  const auto gain = opt_values(8, n), dy = opt_values(9, rows * n);
  std::vector<float> dx(rows * n, 0.5F);
  layer_norm_backward(view(x.data(), rows, n), gain.data(), eps, view(dy.data(), rows, n),
                      view(dx.data(), rows, n));
  const double h = 1e-6;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto d = row(dy, r, n, n);
    for (std::size_t i = 0; i < n; ++i) {
      auto plus = row(x, r, n, n), minus = plus;
      plus[i] += h;
      minus[i] -= h;
      const double slope = (weighted_opt_norm(plus, gain, static_cast<double>(eps), d) -
                            weighted_opt_norm(minus, gain, static_cast<double>(eps), d)) /
                           (2 * h);
      REQUIRE(dx[r * n + i] == Approx(0.5 + slope).margin(2e-6));
    }
  }
}

TEST_CASE("relu and its gradient equal their definition, given the input or the output", "[tensor]") {
  const std::size_t rows = 4, n = 23;
  auto x = opt_values(10, rows * n);
  x[5] = 0.0F;
  x[6] = -0.0F;
  const auto dy = opt_values(11, rows * n);
  std::vector<float> y(rows * n), of_input(rows * n, 3.0F), of_output = dy;
  relu(view(static_cast<const float*>(x.data()), rows, n), view(y.data(), rows, n));
  relu_backward(view(static_cast<const float*>(x.data()), rows, n), view(dy.data(), rows, n),
                view(of_input.data(), rows, n));
  relu_backward(view(static_cast<const float*>(y.data()), rows, n),
                view(static_cast<const float*>(of_output.data()), rows, n), view(of_output.data(), rows, n));
  for (std::size_t i = 0; i < rows * n; ++i) {
    REQUIRE(y[i] == std::max(x[i], 0.0F));
    REQUIRE(of_input[i] == (x[i] > 0.0F ? dy[i] : 0.0F));
    REQUIRE(of_output[i] == of_input[i]);
  }
}

TEST_CASE("relu does not hide NaN", "[tensor]") {
  const std::vector<float> x{std::numeric_limits<float>::quiet_NaN(), -1.0F};
  std::vector<float> y(2);
  relu(view(x.data(), 1, 2), view(y.data(), 1, 2));
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 0.0F);
}

TEST_CASE("add_rows adds the bias to every row and to no other column", "[tensor]") {
  const std::size_t rows = 3, n = 5, stride = 7;
  const auto before = opt_values(12, rows * stride), bias = opt_values(13, n);
  auto y = before;
  add_rows(bias.data(), {y.data(), rows, n, stride});
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t i = 0; i < stride; ++i)
      CHECK(y[r * stride + i] == before[r * stride + i] + (i < n ? bias[i] : 0.0F));
}
