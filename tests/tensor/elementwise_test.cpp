/// @file Element-wise operations against double precision and finite differences.
#include "zofo/tensor/cpu/elementwise.hpp"

#include <array>
#include <limits>

#include "../model/golden.hpp"
#include "catch.hpp"

using namespace zofo::tensor::cpu;
using zofo::model::golden::formula;

namespace {

std::vector<float> values(std::uint64_t stream, std::size_t n, float amplitude = 1.0F) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = amplitude * formula(stream, i);
  return x;
}

// Σ dy ∘ rms_norm(x) of one row in double.
double weighted_norm(const std::vector<double>& x, const std::vector<float>& gain, double eps,
                     const std::vector<float>& dy) {
  double square = 0.0;
  for (const double v : x) square += v * v;
  const double rms = std::sqrt(square / static_cast<double>(x.size()) + eps);
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum += static_cast<double>(dy[i]) * x[i] / rms * static_cast<double>(gain[i]);
  return sum;
}

double silu(double x) { return x / (1.0 + std::exp(-x)); }

}  // namespace

TEST_CASE("fast_exp is std::exp to 2 ulp", "[tensor]") {
  double worst = 0.0;
  for (int i = -86990; i <= 87990; ++i) {
    const float x = static_cast<float>(i) * 1e-3F;
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(fast_exp(x)) / exact - 1.0));
  }
  INFO("largest relative error " << worst);
  CHECK(worst < 2.0 * static_cast<double>(std::numeric_limits<float>::epsilon()));
  CHECK(fast_exp(0.0F) == 1.0F);
}

TEST_CASE("fast_exp stays finite and positive outside its range", "[tensor]") {
  for (const float x : {88.0F, 1000.0F, std::numeric_limits<float>::infinity()}) {
    CHECK(std::isfinite(fast_exp(x)));
    CHECK(fast_exp(x) > 1e38F);
  }
  for (const float x : {-87.0F, -1000.0F, -std::numeric_limits<float>::infinity()}) {
    CHECK(fast_exp(x) > 0.0F);
    CHECK(fast_exp(x) < 2e-38F);
  }
}

TEST_CASE("rms_norm equals double precision, rows apart", "[tensor]") {
  const std::size_t rows = 5, n = 37;
  const auto x = values(1, rows * n, 3.0F), gain = values(2, n);
  std::vector<float> y(rows * n);
  rms_norm(view(x.data(), rows, n), gain.data(), 1e-2F, view(y.data(), rows, n));
  for (std::size_t r = 0; r < rows; ++r) {
    double square = 0.0;
    for (std::size_t i = 0; i < n; ++i) square += std::pow(static_cast<double>(x[r * n + i]), 2);
    const double rms = std::sqrt(square / static_cast<double>(n) + 1e-2);
    for (std::size_t i = 0; i < n; ++i)
      REQUIRE(y[r * n + i] == Approx(x[r * n + i] / rms * static_cast<double>(gain[i])).margin(1e-6));
  }
}

TEST_CASE("rms_norm_backward equals central differences and adds", "[tensor]") {
  const std::size_t rows = 3, n = 19;
  const float eps = 0.0625F;
  const auto x = values(3, rows * n), gain = values(4, n), dy = values(5, rows * n);
  std::vector<float> dx(rows * n, 0.5F);
  rms_norm_backward(view(x.data(), rows, n), gain.data(), eps, view(dy.data(), rows, n),
                    view(dx.data(), rows, n));
  const double h = 1e-6;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto at = static_cast<std::ptrdiff_t>(r * n), end = static_cast<std::ptrdiff_t>((r + 1) * n);
    const std::vector<float> d(dy.begin() + at, dy.begin() + end);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> plus(x.begin() + at, x.begin() + end), minus = plus;
      plus[i] += h;
      minus[i] -= h;
      const double slope = (weighted_norm(plus, gain, static_cast<double>(eps), d) -
                            weighted_norm(minus, gain, static_cast<double>(eps), d)) /
                           (2 * h);
      REQUIRE(dx[r * n + i] == Approx(0.5 + slope).margin(2e-6));
    }
  }
}

TEST_CASE("swiglu and its gradient equal double precision", "[tensor]") {
  const std::size_t rows = 4, n = 23;
  const auto gate_up = values(6, rows * 2 * n, 8.0F), dy = values(7, rows * n);
  std::vector<float> y(rows * n), d(rows * 2 * n);
  swiglu(view(gate_up.data(), rows, 2 * n), view(y.data(), rows, n));
  swiglu_backward(view(gate_up.data(), rows, 2 * n), view(dy.data(), rows, n), view(d.data(), rows, 2 * n));
  const double h = 1e-5;
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t i = 0; i < n; ++i) {
      const double gate = static_cast<double>(gate_up[r * 2 * n + i]);
      const double up = static_cast<double>(gate_up[r * 2 * n + n + i]);
      const double g = static_cast<double>(dy[r * n + i]);
      REQUIRE(y[r * n + i] == Approx(silu(gate) * up).margin(1e-5));
      REQUIRE(d[r * 2 * n + i] == Approx(g * up * (silu(gate + h) - silu(gate - h)) / (2 * h)).margin(1e-5));
      REQUIRE(d[r * 2 * n + n + i] == Approx(g * silu(gate)).margin(1e-5));
    }
}

TEST_CASE("rotary rotates pairs, leaves other columns unchanged, and direction -1 undoes it", "[tensor]") {
  const std::size_t rows = 3, heads = 2, dim = 4, cols = heads * dim + 3;
  const auto before = values(8, rows * cols);
  auto x = before;
  const std::vector<std::uint32_t> positions{2, 0, 1};
  std::vector<float> cosines, sines;
  const auto angle = [](std::size_t position, std::size_t j) {
    return static_cast<double>(position) * std::pow(50.0, -static_cast<double>(2 * j) / 4.0);
  };
  for (std::size_t p = 0; p < 3; ++p)
    for (std::size_t j = 0; j < dim / 2; ++j) {
      cosines.push_back(static_cast<float>(std::cos(angle(p, j))));
      sines.push_back(static_cast<float>(std::sin(angle(p, j))));
    }
  rotary(view(x.data(), rows, cols), {heads, dim, dim}, positions, cosines, sines, 1.0F);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < heads * dim; c += 2) {
      const double t = angle(positions[r], c % dim / 2);
      const double a = static_cast<double>(before[r * cols + c]),
                   b = static_cast<double>(before[r * cols + c + 1]);
      CHECK(x[r * cols + c] == Approx(a * std::cos(t) - b * std::sin(t)).margin(1e-6));
      CHECK(x[r * cols + c + 1] == Approx(a * std::sin(t) + b * std::cos(t)).margin(1e-6));
    }
    for (std::size_t c = heads * dim; c < cols; ++c) CHECK(x[r * cols + c] == before[r * cols + c]);
  }
  rotary(view(x.data(), rows, cols), {heads, dim, dim}, positions, cosines, sines, -1.0F);
  CHECK(zofo::model::golden::largest_difference(x, before) < 1e-6);
}
