// What ρ is under a variance reduction: E ρ² = ‖∇f‖² on a linear function, for any number of terms.
// Means are checked at five standard errors with fixed seeds: a false alarm in 6e-7 a check, 13 checks.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "catch.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/outer/rms_scalar.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/spider.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"

using Eigen::VectorXd;
using zofo::Central;
using zofo::Gaussian;
using zofo::ZoGradient;
namespace variance = zofo::variance;

namespace {

// f(θ) = gᵀθ on every mini-batch, at a θ that changes by one in every coordinate per step.
struct Linear {
  VectorXd g = VectorXd::LinSpaced(4, -1.0, 2.0);
  double shift = 0.0, anchor = 0.0;
  std::vector<double> losses_here{}, losses_at_anchor{};

  std::span<const double> here(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch) {
    return at(shift, probes, losses_here);
  }
  std::span<const double> at_anchor(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch) {
    return at(anchor, probes, losses_at_anchor);
  }
  void move_anchor() { anchor = shift; }

 private:
  std::span<const double> at(double x, std::span<const zofo::Probe> probes, std::vector<double>& losses) {
    losses.clear();
    for (const zofo::Probe& probe : probes) {
      VectorXd theta = VectorXd::Constant(4, x);
      Gaussian{}.add(theta, probe.direction, probe.scale);
      losses.push_back(g.dot(theta));
    }
    return losses;
  }
};

// The estimate of step `last`, after the steps before it.
template <class Reduction>
ZoGradient estimate_at(const Reduction& reduction, std::uint32_t last) {
  Linear evaluator;
  typename Reduction::State state;
  ZoGradient estimate;
  for (std::uint32_t k = 0; k <= last; ++k) {
    evaluator.shift = k;
    reduction.estimate(k, evaluator, state, estimate);
  }
  return estimate;
}
// How far the mean of `measure`(estimate) over 4000 seeds is from ‖g‖², in standard errors.
template <class Make, class Measure>
double deviation(const Make& make, std::uint32_t last, const Measure& measure) {
  double sum = 0.0, squares = 0.0;
  const double runs = 4000;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const double x = measure(estimate_at(make(Central{0.1, 2, 100 + seed}), last));
    sum += x;
    squares += x * x;
  }
  const double mean = sum / runs;
  return std::abs(mean - Linear{}.g.squaredNorm()) / std::sqrt((squares / runs - mean * mean) / runs);
}
constexpr auto kSquare = [](const ZoGradient& g) { return zofo::squared_projected_gradient(g); };
// What counting terms gives.
constexpr auto kByTerms = [](const ZoGradient& g) {
  return zofo::squared_projected_gradient({g.terms, static_cast<double>(g.terms.size())});
};
const auto kNone = [](const Central& e) { return variance::None{e}; };
const auto kSvrg = [](const Central& e) { return variance::Svrg{.estimator = e, .period = 10}; };
const auto kSvrgFull = [](const Central& e) {
  return variance::Svrg{.estimator = e, .period = 10, .full = Central{0.1, 5, *e.seed}};
};
const auto kSpider = [](const Central& e) { return variance::Spider{.estimator = e, .period = 10}; };
const auto kStorm = [](const Central& e) { return variance::Storm{.estimator = e, .weight = 0.3}; };

// Σ w² of STORM's weights after k steps, as a geometric series: w₀ = (1 − a)^k, wⱼ = a (1 − a)^(k − j).
double squared_weights(double a, int k) {
  const double r = (1.0 - a) * (1.0 - a);
  return std::pow(r, k) + a * a * (1.0 - std::pow(r, k)) / (1.0 - r);
}

}  // namespace

TEST_CASE("E ρ² = ‖∇f‖² on a linear function without and with every reduction", "[reduce]") {
  const std::uint32_t last = GENERATE(0U, 6U);
  CHECK(deviation(kNone, last, kSquare) < 5.0);
  CHECK(deviation(kSvrg, last, kSquare) < 5.0);
  CHECK(deviation(kSvrgFull, last, kSquare) < 5.0);
  CHECK(deviation(kSpider, last, kSquare) < 5.0);
  CHECK(deviation(kStorm, last, kSquare) < 5.0);
}

TEST_CASE("counting terms would give another ρ under a reduction", "[reduce]") {
  CHECK(deviation(kSvrg, 6, kByTerms) > 5.0);
  CHECK(deviation(kSpider, 6, kByTerms) > 5.0);
  CHECK(deviation(kStorm, 6, kByTerms) > 5.0);
}

TEST_CASE("the number of queries in closed form", "[reduce]") {
  const Central e{0.1, 2, 3};
  for (std::uint32_t k = 0; k < 12; ++k) {
    CHECK(estimate_at(kNone(e), k).queries == 2.0);
    CHECK(estimate_at(kSvrg(e), k).queries == 2.0);
    CHECK(estimate_at(kSvrgFull(e), k).queries == 5.0);
    CHECK(estimate_at(kSpider(e), k).queries == 2.0);
    CHECK(estimate_at(kStorm(e), k).queries == Approx(2.0 / squared_weights(0.3, static_cast<int>(k))));
    CHECK(estimate_at(variance::Storm{.estimator = e, .weight = 1.0}, k).queries == 2.0);
  }
  CHECK(estimate_at(variance::None{zofo::OnePointResidual{0.1, 3, 1}}, 4).queries == 3.0);
}

TEST_CASE("RmsScalar's first step is η ĝ/ρ with each of them", "[reduce][outer]") {
  const auto check = [](const auto& reduction) {
    const ZoGradient g = estimate_at(reduction, 6);
    VectorXd theta = VectorXd::Zero(4), expected = theta;
    zofo::outer::RmsScalar::State<VectorXd> state;
    zofo::outer::RmsScalar{.rate = 0.2}.apply(theta, Gaussian{}, g, state);
    double squares = 0.0;
    for (const zofo::ZoTerm& term : g.terms) squares += term.coefficient * term.coefficient;
    const double rho = std::sqrt(g.queries * squares);
    CHECK(zofo::projected_gradient(g) == Approx(rho));
    for (const zofo::ZoTerm& term : g.terms)
      Gaussian{}.add(expected, term.direction, -0.2 * term.coefficient / rho);
    CHECK((theta - expected).norm() < 1e-12);
  };
  const Central e{0.1, 2, 3};
  check(kNone(e));
  check(kSvrg(e));
  check(kSpider(e));
  check(kStorm(e));
}

TEST_CASE("RmsScalar's steps are η √(d/q) long with q the reduction's queries", "[reduce][outer]") {
  // With random signs ‖ĝ‖² = d Σ c² + cross terms of mean 0; the mean of ‖Δθ‖²/(η² d/q) over 4000 seeds is 1.
  // The function is constant along a step, so that every estimate has one ρ a direction and the ratio is
  // ‖Σ cᵢzᵢ‖²/(d Σ cᵢ²).
  const auto check = [](const auto& make) {
    double sum = 0.0, squares = 0.0;
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
      const ZoGradient g = estimate_at(make(Central{0.1, 2, 100 + seed}), 6);
      VectorXd theta = VectorXd::Zero(4);
      zofo::outer::RmsScalar::State<VectorXd> state;
      zofo::outer::RmsScalar{.rate = 0.2}.apply(theta, zofo::Rademacher{}, g, state);
      const double ratio = theta.squaredNorm() / (0.04 * 4.0 / g.queries);
      sum += ratio / 4000;
      squares += ratio * ratio / 4000;
    }
    CHECK(std::abs(sum - 1.0) < 5.0 * std::sqrt((squares - sum * sum) / 4000));
  };
  check(kNone);
  check(kSpider);
  check(kStorm);
}
