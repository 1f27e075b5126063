#include "zofo/inner/exact.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using objectives::step;
using zofo::inner::Exact;
static_assert(zofo::inner::InnerOptimizer<Exact, VectorXd>);
static_assert(zofo::inner::NeedsMinimiser<Exact, VectorXd>);

namespace {
// G(θ, ·) and (F + λG)(θ, ·) of the quadratic problem.
struct Lower {
  const zofo::problems::Quadratic& q;
  const VectorXd& theta;
  double value_and_gradient(const VectorXd& p, VectorXd& gradient) const {
    return q.lower_gradient(theta, p, {}, gradient);
  }
  void minimiser(VectorXd& p) const { p = q.lower_solution(theta); }
};
struct Penalty {
  const zofo::problems::Quadratic& q;
  const VectorXd& theta;
  double penalty;
  double value_and_gradient(const VectorXd& p, VectorXd& gradient) const {
    VectorXd lower;
    const double value = q.upper_gradient(theta, p, {}, gradient);
    const double weighted = penalty * q.lower_gradient(theta, p, {}, lower);
    gradient += penalty * lower;
    return value + weighted;
  }
  void minimiser(VectorXd& p) const { p = q.penalty_solution(theta, penalty); }
};
struct Broken : objectives::Diagonal<VectorXd> {
  void minimiser(VectorXd& x) const { x[0] = std::nan(""); }
};
struct WrongSize : objectives::Diagonal<VectorXd> {
  void minimiser(VectorXd& x) const { x = VectorXd::Zero(7); }
};
}  // namespace

TEST_CASE("one exact step ends where both gradients vanish", "[inner]") {
  const auto q = zofo::problems::random_quadratic(
      {VectorXd::LinSpaced(6, 1.0, 2.0), VectorXd::LinSpaced(4, 1.0, 30.0)}, 8);
  const VectorXd theta = VectorXd::LinSpaced(6, -1.0, 1.0), start = VectorXd::Constant(4, 3.0);
  VectorXd s = start, p = start, g;
  Exact::State<VectorXd> state, other;
  Lower lower{q, theta};
  const zofo::inner::InnerStep seen = step(Exact{}, lower, s, state);
  CHECK(seen.value == Approx(q.lower(theta, start)));
  CHECK(seen.gradient_norm == Approx((q.H * (start - q.lower_solution(theta))).norm()));
  CHECK(lower.value_and_gradient(s, g) == Approx(0.0).margin(1e-20));
  CHECK(g.norm() < 1e-12);

  Penalty penalty{q, theta, 50.0};
  const auto report = zofo::inner::inner_solve(Exact{}, penalty, p, other, {.steps = 10, .tolerance = 1e-9});
  CHECK(report.steps == 1);
  CHECK(report.converged);
  CHECK(report.gradient_norm < 1e-10);
  CHECK(report.value < penalty.value_and_gradient(p + 1e-3 * VectorXd::Ones(4), g));
  CHECK(other.steps == 1);
}

TEST_CASE("a minimiser that is not finite or has another size leaves x and the state", "[inner]") {
  const objectives::Diagonal<VectorXd> diagonal{VectorXd::Ones(2), VectorXd::Zero(2)};
  VectorXd x = VectorXd::Ones(2);
  Exact::State<VectorXd> state;
  Broken broken{diagonal};
  CHECK_THROWS_WITH(step(Exact{}, broken, x, state),
                    contains("inner::Exact, step 0: the minimiser's norm is nan"));
  WrongSize wrong{diagonal};
  CHECK_THROWS_WITH(step(Exact{}, wrong, x, state),
                    contains("inner::Exact, step 0: the minimiser has another size"));
  CHECK(x == VectorXd::Ones(2));
  CHECK(state.steps == 0);
  auto good = diagonal;
  step(Exact{}, good, x, state);
  CHECK(x == VectorXd::Zero(2));
}
