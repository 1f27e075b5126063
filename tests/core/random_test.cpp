#include "zofo/core/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <vector>

#include "catch.hpp"

using zofo::Direction;

namespace {

// Every statistical check below fails for a perfect generator with probability about 1e-7 (5.33 standard
// deviations), the Kolmogorov-Smirnov test with 1e-6. Seeds are fixed, so results repeat.
constexpr double kSigmas = 5.33;
constexpr Direction kDirection{0x0123456789ABCDEFu, 11, 5};
constexpr std::uint32_t kTensor = 3;

std::vector<float> normal_vector(Direction d, std::uint32_t tensor, std::uint64_t offset, std::size_t n) {
  std::vector<float> z(n);
  zofo::normals(d, tensor, offset, z.data(), n);
  return z;
}

std::vector<float> sign_vector(Direction d, std::uint32_t tensor, std::uint64_t offset, std::size_t n) {
  std::vector<float> z(n);
  zofo::rademacher(d, tensor, offset, z.data(), n);
  return z;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// |sum of x_k y_k| in standard deviations, for independent entries of mean 0 and variance 1.
double correlation_sigmas(const std::vector<float>& x, const std::vector<float>& y) {
  double sum = 0;
  for (std::size_t k = 0; k < x.size(); ++k) sum += double{x[k]} * y[k];
  return std::abs(sum) / std::sqrt(static_cast<double>(x.size()));
}

/// Mean of f(z) against its expectation, in standard deviations of the mean.
template <class F>
double moment_sigmas(const std::vector<float>& z, F f, double expected, double deviation) {
  double sum = 0;
  for (const float value : z) sum += f(double{value});
  const auto n = static_cast<double>(z.size());
  return std::abs(sum / n - expected) / (deviation / std::sqrt(n));
}

/// The documented map from words to normals by <cmath> in double precision; only u is rounded to float, as
/// documented.
std::array<double, 2> reference_pair(std::uint32_t radius_word, std::uint32_t angle_word) {
  const double u = (static_cast<float>(radius_word / 2) + 0.5f) * 0x1p-31;
  const double r = std::sqrt(-2.0 * std::log(u));
  const double angle = static_cast<std::int32_t>(angle_word) * 0x1p-31 * std::numbers::pi / 4;
  const double sine = r * std::sin(angle);
  const double cosine = r * std::cos(angle) * ((angle_word & 1u) != 0 ? -1 : 1);
  return (angle_word & 2u) != 0 ? std::array{sine, cosine} : std::array{cosine, sine};
}

/// Fills [offset, offset + n) in pieces of awkward sizes.
template <class Fill>
std::vector<float> in_pieces(Fill fill, std::uint64_t offset, std::size_t n) {
  std::vector<float> z(n);
  const std::size_t sizes[] = {1, 3, 7, 64, 5, 129, 2, 1031, 33};
  std::size_t at = 0;
  for (std::size_t k = 0; at < n; ++k) {
    const std::size_t count = std::min(sizes[k % std::size(sizes)], n - at);
    fill(offset + at, z.data() + at, count);
    at += count;
  }
  return z;
}

}  // namespace

TEST_CASE("normals are Box-Muller of the Philox words to float accuracy", "[random]") {
  const auto z = normal_vector(kDirection, kTensor, 0, 1 << 18);
  double worst = 0;
  for (std::size_t k = 0; k < z.size(); k += 4) {
    const auto words =
        zofo::philox4x32_10({static_cast<std::uint32_t>(k / 4), kTensor, kDirection.step, kDirection.query},
                            {0x89ABCDEFu, 0x01234567u});
    const auto front = reference_pair(words[0], words[1]);
    const auto back = reference_pair(words[2], words[3]);
    const double expected[] = {front[0], front[1], back[0], back[1]};
    for (std::size_t i = 0; i < 4; ++i) worst = std::max(worst, std::abs(z[k + i] - expected[i]));
  }
  CHECK(worst < 1e-6);
}

TEST_CASE("extreme words give finite normals", "[random]") {
  using zofo::detail::box_muller;
  using zofo::detail::PortableLane;
  for (const std::uint32_t radius : {0u, 1u, 2u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFEu, 0xFFFFFFFFu}) {
    for (const std::uint32_t angle : {0u, 1u, 2u, 3u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
      const auto z = box_muller<PortableLane>(radius, angle);
      const auto expected = reference_pair(radius, angle);
      CAPTURE(radius, angle);
      CHECK(std::abs(z.first - expected[0]) < 1e-6);
      CHECK(std::abs(z.second - expected[1]) < 1e-6);
    }
  }
}

TEST_CASE("normals have the moments and tails of the normal distribution", "[random]") {
  const auto z = normal_vector(kDirection, kTensor, 0, 1 << 21);
  CHECK(moment_sigmas(z, [](double x) { return x; }, 0, 1) < kSigmas);
  CHECK(moment_sigmas(z, [](double x) { return x * x; }, 1, std::sqrt(2.0)) < kSigmas);
  CHECK(moment_sigmas(z, [](double x) { return x * x * x; }, 0, std::sqrt(15.0)) < kSigmas);
  CHECK(moment_sigmas(z, [](double x) { return x * x * x * x; }, 3, std::sqrt(96.0)) < kSigmas);
  for (const double edge : {0.01, 2.0, 3.0, 4.0}) {
    const double p = std::erfc(edge / std::numbers::sqrt2);
    CAPTURE(edge);
    CHECK(moment_sigmas(
              z, [edge](double x) { return std::abs(x) > edge ? 1.0 : 0.0; }, p, std::sqrt(p * (1 - p))) <
          kSigmas);
  }
}

TEST_CASE("normals pass Kolmogorov-Smirnov against the normal CDF, false alarm 1e-6", "[random]") {
  auto z = normal_vector(kDirection, kTensor, 12345, 1 << 18);
  std::sort(z.begin(), z.end());
  const auto n = static_cast<double>(z.size());
  double distance = 0;
  for (std::size_t k = 0; k < z.size(); ++k) {
    const double cdf = 0.5 * std::erfc(-z[k] / std::numbers::sqrt2);
    const auto rank = static_cast<double>(k);
    distance = std::max({distance, cdf - rank / n, (rank + 1) / n - cdf});
  }
  // P(sqrt(n) D > c) -> 2 exp(-2 c^2) = 1e-6.
  CHECK(distance * std::sqrt(n) < std::sqrt(0.5 * std::log(2e6)));
}

TEST_CASE("the four normals of a block are independent, squares too", "[random]") {
  const auto z = normal_vector(kDirection, kTensor, 0, 1 << 20);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = i + 1; j < 8; ++j) {
      std::vector<float> x, y, x2, y2;
      for (std::size_t k = 0; k + j < z.size(); k += 4) {
        x.push_back(z[k + i]);
        y.push_back(z[k + j]);
        x2.push_back((x.back() * x.back() - 1) / std::numbers::sqrt2_v<float>);
        y2.push_back((y.back() * y.back() - 1) / std::numbers::sqrt2_v<float>);
      }
      CAPTURE(i, j);
      CHECK(correlation_sigmas(x, y) < kSigmas);
      CHECK(correlation_sigmas(x2, y2) < kSigmas);
    }
  }
}

TEST_CASE("seeds, steps, queries and tensors have separate streams", "[random]") {
  constexpr std::size_t n = 1 << 18;
  const Direction base{1, 2, 3};
  const struct {
    const char* what;
    Direction direction;
    std::uint32_t tensor;
  } others[] = {{"tensor", base, 1},
                {"query", {1, 2, 4}, 0},
                {"step", {1, 3, 3}, 0},
                {"seed", {2, 2, 3}, 0},
                {"seed high word", {1 + (std::uint64_t{1} << 32), 2, 3}, 0},
                {"step and query exchanged", {1, 3, 2}, 0}};
  const auto z = normal_vector(base, 0, 0, n);
  const auto s = sign_vector(base, 0, 0, n);
  for (const auto& other : others) {
    CAPTURE(other.what);
    CHECK(correlation_sigmas(z, normal_vector(other.direction, other.tensor, 0, n)) < kSigmas);
    CHECK(correlation_sigmas(s, sign_vector(other.direction, other.tensor, 0, n)) < kSigmas);
  }
}

TEST_CASE("any splitting gives the same bits", "[random]") {
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4099}, (std::uint64_t{1} << 34) - 9001}) {
    constexpr std::size_t n = 9001;
    CAPTURE(offset);
    const auto normal_piece = [](std::uint64_t at, float* z, std::size_t count) {
      zofo::normals(kDirection, kTensor, at, z, count);
    };
    const auto sign_piece = [](std::uint64_t at, float* z, std::size_t count) {
      zofo::rademacher(kDirection, kTensor, at, z, count);
    };
    const auto z = normal_vector(kDirection, kTensor, offset, n);
    const auto s = sign_vector(kDirection, kTensor, offset, n);
    CHECK(same_bits(z, in_pieces(normal_piece, offset, n)));
    CHECK(same_bits(s, in_pieces(sign_piece, offset, n)));
    // Start inside the range: coordinate, not call, decides.
    CHECK(same_bits({z.begin() + 77, z.end()}, normal_vector(kDirection, kTensor, offset + 77, n - 77)));
    CHECK(same_bits({s.begin() + 77, s.end()}, sign_vector(kDirection, kTensor, offset + 77, n - 77)));
  }
}

TEST_CASE("signs are the documented bits", "[random]") {
  constexpr std::uint64_t offset = 1234567;
  const auto s = sign_vector(kDirection, kTensor, offset, 5000);
  bool all = true;
  for (std::size_t k = 0; k < s.size(); ++k) {
    const std::uint64_t i = offset + k;
    const auto words = zofo::PhiloxStream{kDirection, kTensor}.block(static_cast<std::uint32_t>(i / 128));
    const bool set = ((words[i / 32 % 4] >> (i % 32)) & 1u) != 0;
    all = all && s[k] == (set ? -1.0f : 1.0f);
  }
  CHECK(all);
  const auto many = sign_vector(kDirection, kTensor, 0, 1 << 20);
  CHECK(moment_sigmas(many, [](double x) { return x; }, 0, 1) < kSigmas);
  CHECK(correlation_sigmas({many.begin() + 1, many.end()}, {many.begin(), many.end() - 1}) < kSigmas);
}

TEST_CASE("coordinates kept at random are those of small uniforms, for any division of the range",
          "[random]") {
  for (const double fraction : {0.0, 1e-9, 0.37, 0.5, 1.0}) {
    const std::size_t n = 20000;
    std::vector<double> u(n), z(n, 2.0);
    zofo::uniforms(kDirection, kTensor, 4321, u.data(), n);
    zofo::keep_at_random(kDirection, kTensor, 4321, fraction, z.data(), n);
    bool same = true;
    for (std::size_t k = 0; k < n; ++k) same = same && z[k] == (u[k] < fraction ? 2.0 : 0.0);
    CHECK(same);
    const auto pieces = in_pieces(
        [&](std::uint64_t offset, float* out, std::size_t count) {
          std::fill_n(out, count, 2.0f);
          zofo::keep_at_random(kDirection, kTensor, offset, fraction, out, count);
        },
        4321, n);
    CHECK(std::equal(z.begin(), z.end(), pieces.begin()));
  }
}

TEST_CASE("perturbed copies have the bits of perturbations in place", "[random]") {
  const std::size_t n = 5003;
  std::vector<float> x(n), sum(n), out(n), plus(n), minus(n);
  for (std::size_t k = 0; k < n; ++k) x[k] = static_cast<float>(k) * 1e-3f;
  sum = x;
  zofo::add_normals(kDirection, kTensor, 77, 0.25f, sum.data(), n);
  zofo::perturb_normals(kDirection, kTensor, 77, 0.25f, x.data(), out.data(), n);
  zofo::perturb_pair_normals(kDirection, kTensor, 77, 0.25f, x.data(), plus.data(), minus.data(), n);
  CHECK((same_bits(sum, out) && same_bits(plus, out)));
  sum = x;
  zofo::add_rademacher(kDirection, kTensor, 77, 0.25f, sum.data(), n);
  zofo::perturb_rademacher(kDirection, kTensor, 77, 0.25f, x.data(), out.data(), n);
  zofo::perturb_pair_rademacher(kDirection, kTensor, 77, 0.25f, x.data(), plus.data(), minus.data(), n);
  CHECK((same_bits(sum, out) && same_bits(plus, out)));
}

TEST_CASE("uniforms stay inside (0, 1), with the moments of the uniform distribution", "[random]") {
  std::vector<double> u(1 << 20), part(1001);
  zofo::uniforms(kDirection, kTensor, 0, u.data(), u.size());
  zofo::uniforms(kDirection, kTensor, 333, part.data(), part.size());
  CHECK(std::equal(part.begin(), part.end(), u.begin() + 333));
  const auto [low, high] = std::minmax_element(u.begin(), u.end());
  CHECK(*low > 0.0);
  CHECK(*high < 1.0);
  double mean = 0, square = 0;
  for (const double x : u) {
    mean += (x - 0.5);
    square += (x - 0.5) * (x - 0.5) - 1.0 / 12;
  }
  const double root = std::sqrt(static_cast<double>(u.size()));
  CHECK(std::abs(mean) / root < kSigmas * std::sqrt(1.0 / 12));
  CHECK(std::abs(square) / root < kSigmas * std::sqrt(1.0 / 180));
}

TEST_CASE("doubles are the floats widened", "[random]") {
  constexpr std::size_t n = 5003;
  std::vector<double> z(n), s(n);
  zofo::normals(kDirection, kTensor, 17, z.data(), n);
  zofo::rademacher(kDirection, kTensor, 17, s.data(), n);
  const auto zf = normal_vector(kDirection, kTensor, 17, n);
  const auto sf = sign_vector(kDirection, kTensor, 17, n);
  CHECK(std::equal(z.begin(), z.end(), zf.begin()));
  CHECK(std::equal(s.begin(), s.end(), sf.begin()));
}

TEST_CASE("fused kernels equal fma of the stored direction, bit for bit", "[random]") {
  for (const std::size_t n : {std::size_t{1}, std::size_t{13}, std::size_t{6007}}) {
    constexpr std::uint64_t offset = 2039;
    constexpr float a = 0.37f;
    const auto x = normal_vector({99, 0, 0}, 0, 0, n);
    for (const bool normal : {true, false}) {
      CAPTURE(n, normal);
      const auto z = normal ? normal_vector(kDirection, kTensor, offset, n)
                            : sign_vector(kDirection, kTensor, offset, n);
      std::vector<float> up(n), down(n), sum = x, plus(n), minus(n);
      for (std::size_t k = 0; k < n; ++k) {
        up[k] = std::fma(a, z[k], x[k]);
        down[k] = std::fma(-a, z[k], x[k]);
      }
      const auto add = normal ? zofo::add_normals : zofo::add_rademacher;
      const auto pair = normal ? zofo::perturb_pair_normals : zofo::perturb_pair_rademacher;
      add(kDirection, kTensor, offset, a, sum.data(), n);
      pair(kDirection, kTensor, offset, a, x.data(), plus.data(), minus.data(), n);
      CHECK(same_bits(sum, up));
      CHECK(same_bits(plus, up));
      CHECK(same_bits(minus, down));
    }
  }
}

TEST_CASE("ranges past 2^34 are refused", "[random]") {
  float z[4];
  const std::uint64_t end = std::uint64_t{1} << 34;
  CHECK_NOTHROW(zofo::normals(kDirection, 0, end - 4, z, 4));
  CHECK_THROWS_AS(zofo::normals(kDirection, 0, end - 3, z, 4), zofo::Error);
  CHECK_THROWS_AS(zofo::add_rademacher(kDirection, 0, ~std::uint64_t{0}, 1.0f, z, 4), zofo::Error);
}

TEST_CASE("the kernel in use agrees with the portable one, bit for bit", "[random]") {
  using Portable = zofo::detail::PortableRandom;
  const Portable kernel(zofo::PhiloxStream{kDirection, kTensor});
  std::vector<float> z(100'003), s(100'003);
  zofo::detail::NormalGenerator<Portable>{kernel}.fill(21, z.data(), z.size());
  zofo::detail::SignGenerator<Portable>{kernel}.fill(21, s.data(), s.size());
  CHECK(same_bits(z, normal_vector(kDirection, kTensor, 21, z.size())));
  CHECK(same_bits(s, sign_vector(kDirection, kTensor, 21, s.size())));
}
