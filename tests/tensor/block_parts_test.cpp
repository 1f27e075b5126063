/// @file The row-wise operations of blocks with norms of heads, GeGLU, scales and caps against double
/// precision and central differences.
#include <cmath>
#include <functional>

#include "../model/golden.hpp"
#include "catch.hpp"
#include "zofo/tensor/cpu/geglu.hpp"
#include "zofo/tensor/cpu/scaled.hpp"
#include "zofo/tensor/cpu/segment_norm.hpp"

using namespace zofo::tensor::cpu;
using zofo::model::golden::formula;

namespace {

std::vector<float> part_values(std::uint64_t stream, std::size_t n, float amplitude = 1.0F) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = amplitude * formula(stream, i);
  return x;
}

std::vector<double> part_widened(const std::vector<float>& x) { return {x.begin(), x.end()}; }

using RowFunction = std::function<std::vector<double>(const std::vector<double>&)>;

/// Checks every entry of `got`, the gradient of Σ dy ∘ f(x), by central differences.
void check_gradient(const RowFunction& f, const std::vector<float>& x, const std::vector<float>& dy,
                    const std::vector<float>& got) {
  std::vector<double> at = part_widened(x);
  const auto weighted = [&] {
    const std::vector<double> y = f(at);
    double sum = 0.0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(dy[i]) * y[i];
    return sum;
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    constexpr double h = 1e-6;
    const double center = at[i];
    at[i] = center + h;
    const double plus = weighted();
    at[i] = center - h;
    const double minus = weighted();
    at[i] = center;
    INFO("entry " << i);
    REQUIRE(got[i] == Approx((plus - minus) / (2 * h)).margin(5e-6));
  }
}

}  // namespace

TEST_CASE("fast_tanh is within 2 ulp of tanh", "[tensor]") {
  for (int i = -20000; i <= 20000; ++i) {
    const float x = static_cast<float>(i) * 1e-3F * (i % 7 == 0 ? 1e-3F : 1.0F);
    const double wanted = std::tanh(static_cast<double>(x));
    REQUIRE(std::abs(static_cast<double>(fast_tanh(x)) - wanted) <= 3e-7 * std::abs(wanted));
  }
  CHECK(fast_tanh(1e30F) == 1.0F);
  CHECK(fast_tanh(-1e30F) == -1.0F);
}

TEST_CASE("norms of segments and their gradient equal double precision", "[tensor]") {
  constexpr std::size_t rows = 3, stride = 31;
  constexpr double eps = 1e-2;
  const NormSegments segments{4, 3, 7};
  for (const float offset : {0.0F, 1.0F}) {
    const auto x = part_values(40, rows * stride, 2.0F), gain = part_values(41, segments.size),
               dy = part_values(42, rows * stride);
    const RowFunction f = [&](const std::vector<double>& at) {
      std::vector<double> y = at;
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t k = 0; k < segments.count; ++k) {
          const std::size_t first = r * stride + segments.first + k * segments.size;
          double square = 0.0;
          for (std::size_t j = 0; j < segments.size; ++j) square += at[first + j] * at[first + j];
          const double inverse = 1.0 / std::sqrt(square / static_cast<double>(segments.size) + eps);
          for (std::size_t j = 0; j < segments.size; ++j)
            y[first + j] = at[first + j] * inverse * static_cast<double>(gain[j] + offset);
        }
      return y;
    };
    auto y = x, d = dy;
    segment_norm(view(y.data(), rows, stride), segments, gain.data(), offset, static_cast<float>(eps));
    CHECK(zofo::model::golden::largest_difference(y, f(part_widened(x))) < 1e-6);
    segment_norm_backward(view(x.data(), rows, stride), segments, gain.data(), offset,
                          static_cast<float>(eps), view(d.data(), rows, stride));
    check_gradient(f, x, dy, d);
  }
}

TEST_CASE("rms_norm adds the offset to the gain", "[tensor]") {
  const std::size_t n = 9;
  const auto x = part_values(43, n, 2.0F), dy = part_values(45, n);
  auto gain = part_values(44, n), raised = gain;
  for (float& g : raised) g += 1.0F;
  std::vector<float> a(n), b(n), da(n, 0.5F), db(n, 0.5F);
  rms_norm(view(x.data(), 1, n), gain.data(), 1e-3F, view(a.data(), 1, n), 1.0F);
  rms_norm(view(x.data(), 1, n), raised.data(), 1e-3F, view(b.data(), 1, n));
  CHECK(a == b);
  rms_norm_backward(view(x.data(), 1, n), gain.data(), 1e-3F, view(dy.data(), 1, n), view(da.data(), 1, n),
                    1.0F);
  rms_norm_backward(view(x.data(), 1, n), raised.data(), 1e-3F, view(dy.data(), 1, n), view(db.data(), 1, n));
  CHECK(da == db);
}

TEST_CASE("geglu and its gradient equal double precision", "[tensor]") {
  constexpr std::size_t rows = 2, n = 19;
  const auto x = part_values(46, rows * 2 * n, 6.0F), dy = part_values(47, rows * n);
  const RowFunction f = [&](const std::vector<double>& at) {
    std::vector<double> y(rows * n);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double gate = at[i / n * 2 * n + i % n], up = at[i / n * 2 * n + n + i % n];
      const double inner = std::sqrt(2.0 / 3.141592653589793) * (gate + 0.044715 * gate * gate * gate);
      y[i] = 0.5 * gate * (1.0 + std::tanh(inner)) * up;
    }
    return y;
  };
  std::vector<float> y(rows * n), d(x.size());
  geglu(view(x.data(), rows, 2 * n), view(y.data(), rows, n));
  CHECK(zofo::model::golden::largest_difference(y, f(part_widened(x))) < 1e-5);
  geglu_backward(view(x.data(), rows, 2 * n), view(dy.data(), rows, n), view(d.data(), rows, 2 * n));
  check_gradient(f, x, dy, d);
}

TEST_CASE("scales and caps, and their gradients, equal double precision", "[tensor]") {
  constexpr std::size_t rows = 3, n = 21;
  const auto x = part_values(48, rows * n, 9.0F), dy = part_values(49, rows * n);
  for (const double cap : {0.0, 4.0}) {
    const RowFunction f = [&](const std::vector<double>& at) {
      std::vector<double> y;
      for (const double v : at) y.push_back(cap > 0.0 ? cap * std::tanh(0.5 * v / cap) : 0.5 * v);
      return y;
    };
    auto y = x, d = dy;
    soft_cap(view(y.data(), rows, n), 0.5F, static_cast<float>(cap));
    CHECK(zofo::model::golden::largest_difference(y, f(part_widened(x))) < 2e-6);
    soft_cap_backward(view(static_cast<const float*>(y.data()), rows, n), 0.5F, static_cast<float>(cap),
                      view(d.data(), rows, n));
    check_gradient(f, x, dy, d);
  }
  auto sum = x;
  add_scaled(view(static_cast<const float*>(sum.data()), rows, n), view(dy.data(), rows, n), 0.5F,
             view(sum.data(), rows, n));
  for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum[i] == x[i] + 0.5F * dy[i]);
  scaled(view(static_cast<const float*>(sum.data()), rows, n), 2.0F, view(sum.data(), rows, n));
  for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum[i] == 2.0F * (x[i] + 0.5F * dy[i]));
}

TEST_CASE("rotary leaves the entries of a head that are not rotated", "[tensor]") {
  constexpr std::size_t heads = 2, dim = 6, rotated = 4;
  auto x = part_values(50, heads * dim);
  const auto before = x;
  const std::vector<float> cosines{0.0F, 1.0F}, sines{1.0F, 0.0F};  // a quarter turn, and none
  const std::vector<std::uint32_t> rows{0};
  rotary(view(x.data(), 1, heads * dim), {heads, dim, rotated}, rows, cosines, sines, 1.0F);
  for (std::size_t h = 0; h < heads; ++h) {
    CHECK(x[h * dim] == -before[h * dim + 1]);
    CHECK(x[h * dim + 1] == before[h * dim]);
    for (std::size_t j = 2; j < dim; ++j) CHECK(x[h * dim + j] == before[h * dim + j]);
  }
}
