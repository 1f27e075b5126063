#include "zofo/bilevel/solver.hpp"

#include <Eigen/Core>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using zofo::BatchKey;
using zofo::BilevelOptions;
using zofo::Central;
using zofo::Gaussian;
using zofo::Policies;
using zofo::Solver;
using zofo::StepReport;
using zofo::inner::GradientDescent;
using zofo::problems::Quadratic;
namespace outer = zofo::outer;

namespace {

constexpr double kPenalty = 10.0;
Quadratic quadratic() {
  return zofo::problems::random_quadratic(
      {VectorXd::LinSpaced(6, 1.0, 2.0), VectorXd::LinSpaced(4, 1.0, 3.0)}, 8);
}
struct Point {
  VectorXd theta = VectorXd::Zero(6);
  zofo::AdapterPair<VectorXd> pair{VectorXd::Zero(4), VectorXd::Zero(4)};
};
// The penalty's saddle from its first-order conditions in (θ, p), one dense linear system; G's θ-gradient at
// s* is 0.
Point saddle(const Quadratic& q, double penalty) {
  Eigen::MatrixXd K(10, 10);
  VectorXd right(10);
  K << q.Q + penalty * q.A.transpose() * q.H * q.A, q.S - penalty * q.A.transpose() * q.H,
      q.S.transpose() - penalty * q.H * q.A, q.R + penalty * q.H;
  right << q.Q * q.a - penalty * q.A.transpose() * q.H * q.b, q.R * q.c + penalty * q.H * q.b;
  const VectorXd x = K.partialPivLu().solve(right);
  return {x.head(6), x.tail(4), q.A * x.head(6) + q.b};
}
BilevelOptions options(std::uint32_t steps) {
  BilevelOptions o;
  o.outer_steps = steps;
  o.inner_steps = 10;
  o.penalty = kPenalty;
  return o;
}
// 1/L for G and for (F + λG)/(1 + λ).
const GradientDescent kLower{1.0 / 3.0}, kUpper{(1.0 + kPenalty) / (1.0 + kPenalty * 3.0)};

// Records every sample that the solver requests.
struct Recorder {
  using Theta = VectorXd;
  using Adapter = VectorXd;
  std::vector<BatchKey> uppers, lowers, upper_steps, lower_steps;
  double upper(const VectorXd& theta, const VectorXd&, BatchKey s) {
    uppers.push_back(s);
    return theta.squaredNorm();
  }
  double lower(const VectorXd&, const VectorXd&, BatchKey s) {
    lowers.push_back(s);
    return 0.0;
  }
  double upper_gradient(const VectorXd&, const VectorXd&, BatchKey s, VectorXd& g) {
    upper_steps.push_back(s);
    g.setZero();
    return 0.0;
  }
  double lower_gradient(const VectorXd&, const VectorXd&, BatchKey s, VectorXd& g) {
    lower_steps.push_back(s);
    g.setZero();
    return 0.0;
  }
};
std::size_t distinct(const std::vector<BatchKey>& samples) {
  std::set<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>> seen;
  for (const BatchKey& s : samples) seen.emplace(s.seed, s.step, s.stream);
  return seen.size();
}

// The quadratic with adapters in single precision, like those of the language model.
struct FloatAdapters {
  using Theta = Eigen::VectorXf;
  using Adapter = Eigen::VectorXf;
  Quadratic q = quadratic();
  double upper(const Theta& theta, const Adapter& p, BatchKey s) const {
    return q.upper(theta.cast<double>(), p.cast<double>(), s);
  }
  double lower(const Theta& theta, const Adapter& p, BatchKey s) const {
    return q.lower(theta.cast<double>(), p.cast<double>(), s);
  }
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey s, Adapter& g) {
    VectorXd wide;
    const double value = q.upper_gradient(theta.cast<double>(), p.cast<double>(), s, wide);
    g = wide.cast<float>();
    return value;
  }
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey s, Adapter& g) {
    VectorXd wide;
    const double value = q.lower_gradient(theta.cast<double>(), p.cast<double>(), s, wide);
    g = wide.cast<float>();
    return value;
  }
};

}  // namespace

// The noise of the two-sided estimate vanishes with the gradient, so that the saddle is reached to rounding.
TEST_CASE("the whole solver reaches the penalty's saddle", "[bilevel]") {
  Quadratic q = quadratic();
  const Point end = saddle(q, kPenalty);
  Point x;
  const bool with_lower = GENERATE(true, false);
  BilevelOptions o = options(3000);
  o.upper_with_lower = with_lower;
  Solver solver(q, Policies{Gaussian{}, Central{1e-3, 1, 5}, outer::Sgd{0.03}, kLower, kUpper}, o);
  const StepReport last = solver.solve(x.theta, x.pair).last;
  CHECK((x.theta - end.theta).norm() < 1e-4);
  CHECK((x.pair.upper - end.pair.upper).norm() < 1e-4);
  CHECK((x.pair.lower - end.pair.lower).norm() < 1e-4);
  CHECK(last.step == 2999);
  CHECK(q.penalty_value_gradient(x.theta, kPenalty).norm() < 1e-3);
  CHECK(last.upper == Approx(q.upper(end.theta, end.pair.upper)).epsilon(1e-4));
}

TEST_CASE("other distributions, estimators and optimisers reach it too", "[bilevel]") {
  Quadratic q = quadratic();
  const Point end = saddle(q, kPenalty);
  Point x;
  SECTION("random signs, one-sided, four queries") {
    Solver solver(q,
                  Policies{zofo::Rademacher{}, zofo::Forward{1e-6, 4, 5}, outer::Sgd{0.05}, kLower, kUpper},
                  options(1500));
    solver.solve(x.theta, x.pair);
    CHECK((x.theta - end.theta).norm() < 1e-3);
  }
  SECTION("Adam on both levels") {
    const zofo::inner::Adam adam{.rate = 0.02};
    Solver solver(q, Policies{Gaussian{}, Central{1e-3, 4, 5}, outer::Adam{.rate = 0.005}, adam, adam},
                  options(3000));
    solver.solve(x.theta, x.pair);
    CHECK((x.theta - end.theta).norm() < 0.05);
  }
  SECTION("θ and adapters in single precision") {
    FloatAdapters f;
    Eigen::VectorXf theta = Eigen::VectorXf::Zero(6), p = Eigen::VectorXf::Zero(4), s = p;
    Solver solver(f, Policies{Gaussian{}, Central{1e-2, 1, 5}, outer::Sgd{0.03}, kLower, kUpper},
                  options(3000));
    zofo::AdapterPair pair{p, s};
    solver.solve(theta, pair);
    CHECK((theta.cast<double>() - end.theta).norm() < 1e-2);
  }
}

TEST_CASE("MeZO minimises F in θ at the given p and does not change the adapters", "[bilevel]") {
  Quadratic q = quadratic();
  Point x;
  x.pair.upper = VectorXd::LinSpaced(4, -1, 1);
  const VectorXd p = x.pair.upper;
  Solver solver(q, Policies{Gaussian{}, Central{1e-3, 1, 6}, outer::Sgd{0.03}, kLower}, options(3000).mezo());
  const StepReport report = solver.solve(x.theta, x.pair).last;
  CHECK((x.theta - (q.a - q.Q.lu().solve(q.S * p))).norm() < 1e-4);  // Q(θ − a) + Sp = 0
  CHECK(x.pair.upper == p);
  CHECK(x.pair.lower == VectorXd::Zero(4));
  CHECK(std::isnan(report.lower_p));
  CHECK(std::isnan(report.inner_value_s));
}

TEST_CASE("adapter_only trains s to p*(θ) and does not change θ", "[bilevel]") {
  Quadratic q = quadratic();
  Point x;
  x.theta = VectorXd::LinSpaced(6, -1, 1);
  const VectorXd theta = x.theta;
  Solver solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, kLower}, options(20).adapter_only());
  const StepReport report = solver.solve(x.theta, x.pair).last;
  CHECK((x.pair.lower - (q.A * theta + q.b)).norm() < 1e-9);
  CHECK(x.theta == theta);
  CHECK(x.pair.upper == VectorXd::Zero(4));
  CHECK(report.gradient.terms.empty());
  CHECK(std::isnan(report.upper));
}

TEST_CASE("probes of a step share one pair of samples; no two inner steps of a level share one",
          "[bilevel]") {
  const bool with_lower = GENERATE(true, false);
  Recorder problem;
  BilevelOptions o = options(4);
  o.inner_steps = 3;
  o.seed = 99;
  o.upper_with_lower = with_lower;
  VectorXd theta = VectorXd::Ones(2), p = VectorXd::Ones(1), s = p;
  Solver solver(problem, Policies{Gaussian{}, Central{1e-3, 2, 1}, outer::Sgd{}, kLower}, o);
  zofo::AdapterPair pair{p, s};
  solver.solve(theta, pair);
  CHECK(problem.uppers.size() == 16);    // 4 steps × 4 probes
  CHECK(distinct(problem.uppers) == 4);  // one per step
  CHECK(problem.lowers.size() == 32);    // at p and at s
  CHECK(distinct(problem.lowers) == 4);
  CHECK(problem.upper_steps.size() == (with_lower ? 12 : 4));
  CHECK(distinct(problem.upper_steps) == problem.upper_steps.size());
  CHECK(distinct(problem.lower_steps) == 12);  // p's batch of D_g is one that s saw
  // The steps of a stream count up from 0 without a gap, so that an epoch skips no example.
  for (std::size_t i = 0; i < problem.upper_steps.size(); ++i) CHECK(problem.upper_steps[i].step == i);
  std::vector<BatchKey> all;
  for (const auto* list : {&problem.uppers, &problem.lowers, &problem.upper_steps, &problem.lower_steps})
    all.insert(all.end(), list->begin(), list->end());
  CHECK(distinct(all) == 4 + 4 + problem.upper_steps.size() + 12);
  for (const BatchKey& sample : all) CHECK(sample.seed == 99);
}

TEST_CASE("the reports are the trajectory: they replay θ from its start, bit by bit", "[bilevel]") {
  Quadratic q = quadratic();
  Point x;
  VectorXd replayed = x.theta;
  const outer::Sgd sgd{0.03};
  outer::Sgd::State<VectorXd> state;
  Solver solver(q, Policies{Gaussian{}, Central{1e-3, 2, 5}, sgd, kLower, kUpper}, options(30));
  solver.solve(x.theta, x.pair, [&](const StepReport& report) {
    sgd.apply(replayed, Gaussian{}, report.gradient, state);
    double squares = 0.0;  // coefficients are ρ/q
    for (const auto& term : report.gradient.terms) squares += std::pow(term.coefficient * 2, 2) / 2;
    CHECK(report.projected_gradient == Approx(std::sqrt(squares)));
    return true;
  });
  CHECK(replayed == x.theta);
}

TEST_CASE("same seeds, same run; stopping and continuing changes nothing", "[bilevel]") {
  Quadratic q = quadratic();
  const auto make = [&](std::uint64_t seed) {
    const zofo::inner::Adam adam{.rate = 0.02};
    return Solver(q, Policies{Gaussian{}, Central{1e-3, 1, seed}, outer::Adam{.rate = 0.01}, adam},
                  options(40));
  };
  Point once, twice, other;
  make(1).solve(once.theta, once.pair);
  auto solver = make(1);
  const auto stop = [](const StepReport& report) { return report.step < 14; };
  const zofo::Solution stopped = solver.solve(twice.theta, twice.pair, stop);
  CHECK(stopped.termination == zofo::Termination::observer);
  CHECK(stopped.last.step == 14);
  CHECK(solver.state().step == 15);
  const zofo::Solution rest = solver.solve(twice.theta, twice.pair, zofo::NullObserver{}, 25);
  CHECK(rest.termination == zofo::Termination::budget);
  CHECK(rest.steps == 25);
  CHECK(rest.evaluations == zofo::EvaluationCount{25 * 6, 25 * 20});  // 2 probes × 3 losses, T × 2 gradients
  CHECK(once.theta == twice.theta);
  CHECK(once.pair.upper == twice.pair.upper);
  make(2).solve(other.theta, other.pair);
  CHECK(once.theta != other.theta);
}

TEST_CASE("I4: warm starts keep s within a bounded distance of s*(θ) while θ drifts", "[bilevel]") {
  Quadratic q = quadratic();
  Point x;
  const double kappa = 3.0, drift = 0.05;
  BilevelOptions o = options(1).adapter_only();
  o.outer_steps = 1000;
  // (1 − 1/κ)^T ‖A‖ drift accumulates to at most this by the geometric series.
  const double contraction = std::pow(1.0 - 1.0 / kappa, o.inner_steps);
  const double bound = contraction / (1.0 - contraction) * q.A.norm() * drift;
  Solver solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, kLower}, o);
  x.pair.lower = q.lower_solution(x.theta);
  double worst = 0.0;
  for (int k = 0; k < 1000; ++k) {
    x.theta[k % 6] += k % 12 < 6 ? drift : -drift;
    solver.step(x.theta, x.pair);
    worst = std::max(worst, (x.pair.lower - q.lower_solution(x.theta)).norm());
  }
  CHECK(worst <= bound);
}

TEST_CASE("options out of range are named", "[bilevel]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto with = [](auto change) {
    BilevelOptions o;
    change(o);
    return o;
  };
  CHECK_THROWS_WITH(with([](auto& o) { o.inner_steps = 0; }).check(), contains("inner_steps = 0"));
  CHECK_THROWS_WITH(with([](auto& o) { o.outer_steps = 0; }).check(), contains("outer_steps = 0"));
  CHECK_THROWS_WITH(with([&](auto& o) { o.penalty = nan; }).check(), contains("penalty = nan"));
  CHECK_THROWS_WITH(with([](auto& o) { o.outer_steps = o.inner_steps = 1U << 20U; }).check(),
                    contains("2^32"));
  CHECK_THROWS_WITH(with([](auto& o) { o.train_upper = o.train_lower = o.move_backbone = false; }).check(),
                    contains("at least one"));
  Quadratic q = quadratic();
  CHECK_THROWS_WITH(Solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{nan}, kLower}, BilevelOptions{}),
                    contains("rate = nan"));
  CHECK_THROWS_WITH(
      Solver(q, Policies{Gaussian{}, Central{-1.0, 1, 0}, outer::Sgd{}, kLower}, BilevelOptions{}),
      contains("epsilon = -1"));
}

TEST_CASE("a loss that is not a number ends the run with a message and leaves θ", "[bilevel]") {
  struct Broken : Quadratic {
    double upper(const VectorXd&, const VectorXd&, BatchKey) const { return std::nan(""); }
  } q{quadratic()};
  Point x;
  Solver solver(q, Policies{Gaussian{}, Central{}, outer::Sgd{}, kLower, kUpper}, options(1));
  CHECK_THROWS_WITH(solver.solve(x.theta, x.pair), contains("step 0: the loss of probe 0 is nan"));
  CHECK(x.theta == VectorXd::Zero(6));
}
