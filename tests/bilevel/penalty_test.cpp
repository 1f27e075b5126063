#include "zofo/bilevel/penalty.hpp"

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using zofo::Gaussian;
using zofo::PenaltyTerms;
using zofo::Probe;
using zofo::BatchKey;
using zofo::problems::Quadratic;

static_assert(zofo::OuterObjective<zofo::PenaltyObjective<Quadratic, Gaussian>, VectorXd>);
static_assert(zofo::InnerObjective<zofo::UpperObjective<Quadratic>, VectorXd>);
static_assert(zofo::InnerObjective<zofo::LowerObjective<Quadratic>, VectorXd>);

namespace {

// Offers every optional form, each with an answer of its own, and counts the calls.
struct Batched : Quadratic {
  int terms_calls = 0, values_calls = 0, gradient_calls = 0;
  std::vector<PenaltyTerms> penalty_terms(const VectorXd&, const Gaussian&, std::span<const Probe> probes,
                                          const VectorXd&, const VectorXd&, BatchKey, BatchKey) {
    ++terms_calls;
    return std::vector<PenaltyTerms>(probes.size(), {5.0, 3.0, 2.0});
  }
  std::vector<double> upper_values(const VectorXd&, const Gaussian&, std::span<const Probe> probes,
                                   const VectorXd&, BatchKey) {
    ++values_calls;
    return std::vector<double>(probes.size(), 7.0);
  }
  double penalty_gradient(const VectorXd&, const VectorXd&, double, BatchKey, BatchKey, VectorXd& g) {
    ++gradient_calls;
    g.setOnes();
    return 1.5;
  }
};
static_assert(zofo::HasPenaltyTerms<Batched, Gaussian> && zofo::HasUpperValues<Batched, Gaussian>);
static_assert(zofo::HasPenaltyGradient<Batched> && !zofo::HasPenaltyGradient<Quadratic>);

// G must not be asked for when λ = 0.
struct NoLower : Quadratic {
  double lower(const VectorXd&, const VectorXd&, BatchKey) const { throw zofo::Error("G was asked for"); }
};

Quadratic quadratic() {
  return zofo::problems::random_quadratic({VectorXd::Constant(4, 1.0), VectorXd::LinSpaced(3, 1.0, 2.0)}, 3);
}
const std::vector<Probe> kProbes{{{1, 0, 0}, 0.5}, {{1, 0, 0}, -0.5}, {{1, 0, 1}, 0.0}};
const Gaussian kLaw;

}  // namespace

TEST_CASE("the penalty at a probe is F(p) + λ (G(p) − G(s)) at the moved θ", "[bilevel]") {
  Quadratic q = quadratic();
  const VectorXd theta = VectorXd::LinSpaced(4, -1, 1), p = VectorXd::Constant(3, 0.5), s = VectorXd::Zero(3);
  zofo::PenaltyWorkspace<VectorXd> memory;
  zofo::PenaltyObjective<Quadratic, Gaussian> objective{q, kLaw, p, s, 7.0, memory};
  const auto losses = objective.evaluate(theta, kProbes, BatchKey{});
  VectorXd z(4);
  zofo::normals({1, 0, 0}, 0, 0, z.data(), 4);
  const std::vector<VectorXd> points{theta + 0.5 * z, theta - 0.5 * z, theta};
  for (std::size_t i = 0; i < 3; ++i) {
    const double expected = q.upper(points[i], p) + 7.0 * (q.lower(points[i], p) - q.lower(points[i], s));
    CHECK(losses[i] == Approx(expected));
  }
  CHECK(theta == VectorXd::LinSpaced(4, -1, 1));
}

TEST_CASE("the batched forms are used where they are offered", "[bilevel]") {
  Batched batched{quadratic()};
  const VectorXd theta = VectorXd::Zero(4), p = VectorXd::Zero(3);
  zofo::PenaltyWorkspace<VectorXd> memory;
  zofo::PenaltyObjective<Batched, Gaussian> penalty{batched, kLaw, p, p, 10.0, memory};
  CHECK(penalty.evaluate(theta, kProbes, BatchKey{}) == std::vector<double>(3, 15.0));
  zofo::PenaltyObjective<Batched, Gaussian> mezo{batched, kLaw, p, p, 0.0, memory};
  CHECK(mezo.evaluate(theta, kProbes, BatchKey{}) == std::vector<double>(3, 7.0));
  VectorXd g(3);
  zofo::UpperObjective<Batched> upper{batched, theta, 10.0, {}};
  CHECK(upper.value_and_gradient(p, g) == 1.5);
  CHECK(batched.terms_calls == 1);
  CHECK(batched.values_calls == 1);
  CHECK(batched.gradient_calls == 1);
}

TEST_CASE("with λ = 0 the lower level is not evaluated", "[bilevel]") {
  NoLower q{quadratic()};
  const VectorXd theta = VectorXd::Zero(4), p = VectorXd::Zero(3);
  zofo::PenaltyWorkspace<VectorXd> memory;
  zofo::PenaltyObjective<NoLower, Gaussian> objective{q, kLaw, p, p, 0.0, memory};
  std::span<const PenaltyTerms> terms;
  CHECK_NOTHROW(terms = objective.terms(theta, kProbes, {}));
  CHECK(std::isnan(terms[0].lower_p));
  CHECK(terms[2].upper == Approx(q.upper(theta, p)));
  VectorXd g(3);
  zofo::UpperObjective<NoLower> upper{q, theta, 0.0, {}};
  CHECK(upper.value_and_gradient(p, g) == Approx(q.upper(theta, p)));
}

TEST_CASE("the upper inner objective is F + λG with its gradient", "[bilevel]") {
  Quadratic q = quadratic();
  const VectorXd theta = VectorXd::LinSpaced(4, -1, 1), p = VectorXd::LinSpaced(3, 0, 1);
  zofo::UpperObjective<Quadratic> objective{q, theta, 20.0, {}};
  VectorXd g(3);
  CHECK(objective.value_and_gradient(p, g) == Approx(q.upper(theta, p) + 20.0 * q.lower(theta, p)));
  const double h = 1e-3;
  for (Eigen::Index i = 0; i < 3; ++i) {
    const VectorXd e = h * VectorXd::Unit(3, i);
    const auto f = [&](const VectorXd& x) { return q.upper(theta, x) + 20.0 * q.lower(theta, x); };
    CHECK(g[i] == Approx((f(p + e) - f(p - e)) / (2 * h)));
  }
}
