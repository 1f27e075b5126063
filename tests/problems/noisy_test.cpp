#include "zofo/problems/noisy.hpp"

#include <Eigen/Core>
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using zofo::BatchKey;
using zofo::problems::Noise;
using zofo::problems::Noisy;
using zofo::problems::Quadratic;

namespace {

const Quadratic kQuadratic =
    zofo::problems::random_quadratic({VectorXd::LinSpaced(4, 1.0, 2.0), VectorXd::LinSpaced(3, 1.0, 3.0)}, 5);
const Noisy kNoisy{kQuadratic, Noise{0.5, 0.3, 0.2}, Noise{0.1, 0.7, 0.0}};
const VectorXd kTheta = VectorXd::LinSpaced(4, -1, 1), kP = VectorXd::LinSpaced(3, 0.5, 1.5);
static_assert(zofo::FourFunctions<Noisy<Quadratic>> && zofo::HasExactInner<Noisy<Quadratic>> &&
              zofo::problems::AnalyticProblem<Noisy<Quadratic>>);

constexpr std::uint32_t kDraws = 20000;
struct Moments {
  double mean, variance;
};
template <class F>
Moments moments(const F& f) {
  double sum = 0, squares = 0;
  for (std::uint32_t k = 0; k < kDraws; ++k) {
    const double x = f(k);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  return {mean, squares / kDraws - mean * mean};
}
// Five standard errors: 6e-7 false alarms a comparison. The variance of N(0, v) has standard error v √(2/n).
bool mean_is_zero(Moments m, double variance) { return std::abs(m.mean) < 5 * std::sqrt(variance / kDraws); }
bool variance_is(Moments m, double variance) {
  return std::abs(m.variance - variance) < 5 * variance * std::sqrt(2.0 / kDraws);
}

}  // namespace

TEST_CASE("the noise has mean zero and the variance of the options", "[problems]") {
  const double clean = kQuadratic.upper(kTheta, kP), low = kQuadratic.lower(kTheta, kP);
  const double variance = 0.25 * kTheta.squaredNorm() + 0.09 * kP.squaredNorm() + 0.04;
  const auto upper = moments([&](std::uint32_t k) { return kNoisy.upper(kTheta, kP, {3, k, 0}) - clean; });
  CHECK(mean_is_zero(upper, variance));
  CHECK(variance_is(upper, variance));
  CHECK_FALSE(variance_is(upper, 1.1 * variance));  // a σ that is 5 % off is seen
  const auto lower = moments([&](std::uint32_t k) { return kNoisy.lower(kTheta, kP, {3, k, 0}) - low; });
  const double lower_variance = 0.01 * kTheta.squaredNorm() + 0.49 * kP.squaredNorm();
  CHECK(mean_is_zero(lower, lower_variance));
  CHECK(variance_is(lower, lower_variance));
  // F's and G's noise on one sample is independent: the variance of the sum is the sum.
  const auto both = moments([&](std::uint32_t k) {
    return kNoisy.upper(kTheta, kP, {3, k, 0}) - clean + kNoisy.lower(kTheta, kP, {3, k, 0}) - low;
  });
  CHECK(variance_is(both, variance + lower_variance));
}

TEST_CASE("the noise of the gradient is the gradient of the noise", "[problems]") {
  for (std::uint32_t k = 0; k < 5; ++k) {
    const BatchKey sample{9, k, 2};
    VectorXd g;
    CHECK(kNoisy.upper_gradient(kTheta, kP, sample, g) == Approx(kNoisy.upper(kTheta, kP, sample)));
    for (Eigen::Index i = 0; i < 3; ++i) {
      const VectorXd e = 1e-3 * VectorXd::Unit(3, i);
      CHECK(g[i] ==
            Approx((kNoisy.upper(kTheta, kP + e, sample) - kNoisy.upper(kTheta, kP - e, sample)) / 2e-3));
    }
    CHECK(kNoisy.lower_gradient(kTheta, kP, sample, g) == Approx(kNoisy.lower(kTheta, kP, sample)));
    for (Eigen::Index i = 0; i < 3; ++i) {
      const VectorXd e = 1e-3 * VectorXd::Unit(3, i);
      CHECK(g[i] ==
            Approx((kNoisy.lower(kTheta, kP + e, sample) - kNoisy.lower(kTheta, kP - e, sample)) / 2e-3));
    }
  }
  const auto zeta = moments([&](std::uint32_t k) {
    VectorXd g, clean;
    kNoisy.lower_gradient(kTheta, kP, {4, k, 1}, g);
    kQuadratic.lower_gradient(kTheta, kP, {}, clean);
    return (g - clean)[1];
  });
  CHECK(mean_is_zero(zeta, 0.49));
  CHECK(variance_is(zeta, 0.49));
}

// Along z with step ε: on one sample the quotient's variance is σ_θ²‖z‖² for every ε; on two it is
// (σ_θ²‖θ‖² + σ_p²‖p‖² + σ_v²)/(2ε²), apart from the term that common samples have too.
TEST_CASE("common samples cancel the noise of a difference, independent ones do not", "[problems]") {
  const VectorXd z = VectorXd::Unit(4, 2);
  const double at_theta = 0.25 * kTheta.squaredNorm() + 0.09 * kP.squaredNorm() + 0.04;
  for (const double epsilon : {1e-1, 1e-3}) {
    const VectorXd plus = kTheta + epsilon * z, minus = kTheta - epsilon * z;
    const auto common = moments([&](std::uint32_t k) {
      return (kNoisy.upper(plus, kP, {1, k, 0}) - kNoisy.upper(minus, kP, {1, k, 0})) / (2 * epsilon);
    });
    const auto apart = moments([&](std::uint32_t k) {
      return (kNoisy.upper(plus, kP, {1, k, 0}) - kNoisy.upper(minus, kP, {1, k, 1})) / (2 * epsilon);
    });
    CHECK(variance_is(common, 0.25));
    CHECK(variance_is(apart, at_theta / (2 * epsilon * epsilon) + 0.125));
  }
}

TEST_CASE("a sample repeats, closed forms are the mean's, a wrong σ is named", "[problems]") {
  CHECK(kNoisy.upper(kTheta, kP, {1, 2, 3}) == kNoisy.upper(kTheta, kP, {1, 2, 3}));
  CHECK(kNoisy.upper(kTheta, kP, {1, 2, 3}) != kNoisy.upper(kTheta, kP, {1, 2, 4}));
  CHECK(kNoisy.phi(kTheta) == kQuadratic.phi(kTheta));
  CHECK(kNoisy.lower_solution(kTheta) == kQuadratic.lower_solution(kTheta));
  Noisy bad = kNoisy;
  bad.lower_noise.adapter = -1;
  CHECK_THROWS_WITH(bad.check(), contains("noise.adapter = -1: must be a finite number in [0"));
}
