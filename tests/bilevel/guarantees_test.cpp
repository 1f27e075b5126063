// The solver's guarantees after failures, and the contents of its reports.
#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/hypergradient/counted.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/exact.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/problems/quadratic.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"

using Eigen::VectorXd;
using zofo::BatchKey;
using zofo::BilevelOptions;
using zofo::Central;
using zofo::Gaussian;
using zofo::Policies;
using zofo::Solver;
using zofo::StepReport;
using zofo::inner::Adam;
using zofo::inner::GradientDescent;
using zofo::problems::Quadratic;
namespace outer = zofo::outer;

namespace {

Quadratic guaranteed_quadratic() {
  return zofo::problems::random_quadratic(
      {VectorXd::LinSpaced(6, 1.0, 2.0), VectorXd::LinSpaced(4, 1.0, 3.0)}, 8);
}
using Pair = zofo::AdapterPair<VectorXd>;
struct GuaranteedPoint {
  VectorXd theta = VectorXd::Zero(6);
  zofo::AdapterPair<VectorXd> pair{VectorXd::Zero(4), VectorXd::Zero(4)};
  friend bool operator==(const GuaranteedPoint& a, const GuaranteedPoint& b) {
    return a.theta == b.theta && a.pair.upper == b.pair.upper && a.pair.lower == b.pair.lower;
  }
};
// Throws at one chosen call of F, or returns another value there.
struct Failing : Quadratic {
  int* calls;
  int fails_at;
  std::optional<double> answer;
  double upper(const VectorXd& theta, const VectorXd& p, BatchKey sample) const {
    if (++*calls == fails_at) {
      if (answer) return *answer;
      throw std::runtime_error("the user's function gave up");
    }
    return Quadratic::upper(theta, p, sample);
  }
  double upper_gradient(const VectorXd& theta, const VectorXd& p, BatchKey sample, VectorXd& g) const {
    return Quadratic::upper_gradient(theta, p, sample, g);
  }
};
BilevelOptions guaranteed_options(std::uint32_t steps) {
  return {.outer_steps = steps, .inner_steps = 3, .penalty = 10.0};
}

// Runs 12 steps with one failure and repeats the failed step; the result must equal that of a run without it.
template <class Estimator>
void survives(const Estimator& estimator, int fails_at, std::optional<double> answer) {
  int calls = 0, quiet = 0;
  Failing failing{{guaranteed_quadratic()}, &calls, fails_at, answer};
  Failing sound{{guaranteed_quadratic()}, &quiet, -1, {}};
  const Adam adam{.rate = 0.02};
  Solver solver(failing, Policies{Gaussian{}, estimator, outer::Adam{.rate = 0.01}, adam},
                guaranteed_options(12));
  Solver reference(sound, Policies{Gaussian{}, estimator, outer::Adam{.rate = 0.01}, adam},
                   guaranteed_options(12));
  GuaranteedPoint x, expected;
  reference.solve(expected.theta, expected.pair);
  int failures = 0;
  while (solver.state().step < 12) {
    const GuaranteedPoint before = x;
    const std::uint32_t step = solver.state().step;
    try {
      solver.step(x.theta, x.pair);
    } catch (const std::runtime_error&) {
      ++failures;
      CHECK(x == before);
      CHECK(solver.state().step == step);
    }
  }
  CHECK(failures == 1);
  CHECK(x == expected);
}

}  // namespace

TEST_CASE("a step that fails leaves θ, p, s and every moment as they were", "[bilevel]") {
  const int kind = GENERATE(0, 1, 2);
  const std::vector<std::optional<double>> answers{{}, std::nan(""), std::numeric_limits<double>::infinity()};
  const std::optional<double> answer = answers[static_cast<std::size_t>(kind)];
  const int fails_at = GENERATE(1, 2, 9);
  survives(Central{1e-3, 1, 5}, fails_at, answer);
  survives(zofo::Forward{1e-3, 2, 5}, fails_at, answer);
}

TEST_CASE("a step that fails leaves a variance reduction and its anchor as they were", "[bilevel]") {
  const int fails_at = GENERATE(1, 5, 10, 25);  // in a large batch, in its second, between, at the anchor
  survives(zofo::variance::Svrg{.estimator = Central{1e-3, 1, 5}, .period = 4, .batches = 3}, fails_at, {});
  survives(zofo::variance::Storm{.estimator = Central{1e-3, 1, 5}, .weight = 0.3}, fails_at, {});
}

TEST_CASE("a loss of an inner step that is not finite is named, and nothing has changed", "[bilevel]") {
  struct Broken : Quadratic {
    double lower_gradient(const VectorXd&, const VectorXd&, BatchKey, VectorXd& g) const {
      g.setConstant(4, std::nan(""));
      return std::nan("");
    }
  } q{guaranteed_quadratic()};
  GuaranteedPoint x;
  Solver solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, GradientDescent{0.1}},
                guaranteed_options(1));
  CHECK_THROWS_WITH(solver.solve(x.theta, x.pair), contains("inner") && contains("nan"));
  CHECK(x == GuaranteedPoint{});
}

TEST_CASE("sizes that do not fit are named before the first step", "[bilevel]") {
  Quadratic q = guaranteed_quadratic();
  Solver solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, GradientDescent{0.1}},
                guaranteed_options(1));
  GuaranteedPoint x;
  VectorXd wrong = VectorXd::Zero(3), none;
  Pair wrong_s{x.pair.upper, wrong}, wrong_both{wrong, wrong};
  CHECK_THROWS_WITH(solver.solve(x.theta, wrong_s), contains("s (lower adapter) is 3x1: must be 4x1"));
  CHECK_THROWS_WITH(solver.solve(wrong, x.pair), contains("theta is 3x1: must be 6x1"));
  CHECK_THROWS_WITH(solver.solve(none, x.pair), contains("theta is 0x1: must be 6x1"));
  CHECK_THROWS_WITH(solver.solve(x.theta, wrong_both), contains("p (upper adapter) is 3x1: must be 4x1"));
  auto anything = zofo::single_level<VectorXd>([](const VectorXd& theta) { return theta.sum(); });
  Solver plain(anything, Policies{Gaussian{}, Central{}, outer::Sgd{}, GradientDescent{}},
               guaranteed_options(1).mezo());
  zofo::AdapterPair<zofo::NoAdapter> pair;
  CHECK_THROWS_WITH(plain.solve(none, pair), contains("theta has no coordinates"));
}

TEST_CASE("inner steps end at the tolerance, and a round that misses it reports that", "[bilevel]") {
  Quadratic q = guaranteed_quadratic();
  zofo::Counted counted{q};
  BilevelOptions o = guaranteed_options(1);
  o.inner_steps = 400;
  o.inner_tolerance = 1e-8;
  o.move_backbone = false;
  GuaranteedPoint x;
  Solver solver(
      counted,
      Policies{Gaussian{}, Central{}, outer::Sgd{}, GradientDescent{1.0 / 3.0}, GradientDescent{11.0 / 31.0}},
      o);
  const StepReport there = solver.step(x.theta, x.pair);
  CHECK(there.inner_converged);
  CHECK(there.inner_gradient_s <= 1e-8);
  CHECK(there.inner_gradient_p <= 1e-8);
  // GD contracts by 1 − μ/L, 2/3 for s and 10/31 less for p: log(1e-8/‖g‖)/log(2/3) is about 50.
  CHECK(counted.count.upper_gradients < 150);
  CHECK((x.pair.lower - q.lower_solution(x.theta)).norm() < 1e-8);  // ‖s − s*‖ ≤ ‖g‖/μ, μ = 1
  o.inner_steps = 2;
  GuaranteedPoint y;
  Solver hasty(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, GradientDescent{1.0 / 31.0}}, o);
  const StepReport not_there = hasty.step(y.theta, y.pair);
  CHECK_FALSE(not_there.inner_converged);
  CHECK(not_there.inner_gradient_s > 1e-8);
}

TEST_CASE("the exact inner solver sets s to s*(θ) and p to p_λ(θ)", "[bilevel]") {
  Quadratic q = guaranteed_quadratic();
  GuaranteedPoint x;
  x.theta = VectorXd::LinSpaced(6, -1, 1);
  BilevelOptions o = guaranteed_options(1);
  o.move_backbone = false;
  Solver solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, zofo::inner::Exact{}}, o);
  solver.solve(x.theta, x.pair);
  CHECK((x.pair.lower - q.lower_solution(x.theta)).norm() < 1e-14);
  CHECK((x.pair.upper - q.penalty_solution(x.theta, 10.0)).norm() < 1e-14);
}

TEST_CASE("a function of θ only is minimised by the same solver", "[bilevel]") {
  const VectorXd target = VectorXd::LinSpaced(10, -1, 1);
  auto problem =
      zofo::single_level<VectorXd>([&](const VectorXd& x) { return 0.5 * (x - target).squaredNorm(); });
  Solver solver(problem,
                Policies{zofo::Rademacher{}, Central{1e-3, 1, 2}, outer::Sgd{0.05}, GradientDescent{}},
                BilevelOptions{.outer_steps = 1500}.mezo());
  VectorXd theta = VectorXd::Zero(10);
  zofo::AdapterPair<zofo::NoAdapter> none;
  const StepReport last = solver.solve(theta, none).last;
  CHECK((theta - target).norm() < 1e-6);
  CHECK(last.upper < 1e-5);
}

TEST_CASE("schedules of ε, λ and the rate are those of the step", "[bilevel]") {
  Quadratic q = guaranteed_quadratic();
  GuaranteedPoint x;
  BilevelOptions o = guaranteed_options(2);
  o.penalty = zofo::Schedule::linear(0.0, 10.0, 1);
  o.train_lower = o.train_upper = false;
  x.pair.upper = VectorXd::LinSpaced(4, -1, 1);
  Solver solver(q,
                Policies{Gaussian{}, Central{zofo::Schedule::linear(0.5, 0.25, 1), 1, 3}, outer::Sgd{0.0},
                         GradientDescent{}},
                o);
  const auto rho = [&](const zofo::Direction& direction,
                       double penalty) {  // exact on a quadratic, for every ε
    VectorXd z = VectorXd::Zero(6);
    Gaussian{}.add(z, direction, 1.0);
    return z.dot(q.upper_theta_gradient(x.theta, x.pair.upper) +
                 penalty * (q.lower_theta_gradient(x.theta, x.pair.upper) -
                            q.lower_theta_gradient(x.theta, x.pair.lower)));
  };
  const StepReport first = solver.step(x.theta, x.pair);
  CHECK(std::isnan(first.lower_p));  // λ = 0: G is not evaluated
  CHECK(first.gradient.terms[0].coefficient == Approx(rho({3, 0, 0}, 0.0)));
  const StepReport second = solver.step(x.theta, x.pair);
  CHECK(second.gradient.terms[0].coefficient == Approx(rho({3, 1, 0}, 10.0)));
}
