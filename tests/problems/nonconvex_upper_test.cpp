#include "zofo/problems/nonconvex_upper.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"

using Eigen::VectorXd;
using zofo::problems::Cosines;
using zofo::problems::NonconvexUpper;
static_assert(zofo::problems::AnalyticProblem<NonconvexUpper> && zofo::HasExactInner<NonconvexUpper> &&
              zofo::HasHypergradient<NonconvexUpper> && zofo::HasSecondOrder<NonconvexUpper>);

namespace {

NonconvexUpper make(Eigen::Index d, Cosines theta, Cosines adapter, std::uint64_t seed = 2) {
  return zofo::problems::random_nonconvex_upper(
      {VectorXd::LinSpaced(d, 0.5, 2.0), VectorXd::LinSpaced(4, 1.0, 6.0)}, theta, adapter, seed);
}

}  // namespace

TEST_CASE("closed forms with cosines agree with the reference", "[problems]") {
  const bool in_adapter = GENERATE(false, true);
  const auto problem = make(5, {2, 3}, in_adapter ? Cosines{0.4, 2} : Cosines{});
  for (std::uint32_t k = 0; k < 3; ++k) {
    const VectorXd theta = agreement::random_like(problem.start().theta, k);
    agreement::check_derivatives(problem, theta, 10 + k);
    for (const double penalty : {2.0, 50.0}) agreement::check_closed_forms(problem, theta, penalty);
    const auto phi = agreement::phi_curvature(problem, theta);
    const auto k_own = agreement::eigenvalues(problem.phi_hessian(theta));
    CHECK(phi.low == Approx(k_own.low));
    CHECK(phi.high == Approx(k_own.high));
  }
}

TEST_CASE("constants bound the curvatures, and φ is not convex", "[problems]") {
  const auto problem = make(5, {2, 3}, {0.4, 2});
  const auto k = problem.constants();
  bool negative = false;
  for (std::uint32_t i = 0; i < 10; ++i) {
    const VectorXd theta = agreement::random_like(problem.start().theta, 30 + i);
    agreement::check_bounds(problem, k, theta, 50 + i);
    const auto phi = agreement::phi_curvature(problem, theta);
    CHECK(phi.low >= k.phi_mu - 1e-9);
    CHECK(std::max(phi.high, -phi.low) <= k.phi_smoothness + 1e-9);
    negative = negative || phi.low < -1;
  }
  CHECK(negative);
}

TEST_CASE("a scan in one dimension finds every stationary point", "[problems]") {
  const auto problem = make(1, {2, 3}, {0.4, 2});
  const auto points = problem.stationary_points(-6, 6);
  CHECK(points.size() >= 3);
  CHECK(points.size() % 2 == 1);  // φ grows without bound to the left and right
  const auto phi = [&](double x) { return problem.phi(VectorXd::Constant(1, x)); };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& point = points[i];
    CHECK(std::abs(problem.phi_gradient(VectorXd::Constant(1, point.x))[0]) < 1e-13);
    CHECK(point.minimum == (i % 2 == 0));
    CHECK(point.value == phi(point.x));
    // By values only: a minimum is below its neighbours, a maximum above.
    CHECK((phi(point.x + 1e-3) > point.value) == point.minimum);
    CHECK((phi(point.x - 1e-3) > point.value) == point.minimum);
  }
  // A grid of values ten times as dense has as many turns.
  int turns = 0;
  double last = phi(-6) - phi(-6.0001);
  for (int i = 0; i < 100000; ++i) {
    const double x = -6 + 12e-5 * i, rise = phi(x + 12e-5) - phi(x);
    turns += (rise > 0) != (last > 0);
    last = rise;
  }
  CHECK(static_cast<std::size_t>(turns) == points.size());
}

TEST_CASE("without cosines it is the quadratic", "[problems]") {
  const auto problem = make(3, {}, {});
  const VectorXd theta = agreement::random_like(problem.start().theta, 70);
  CHECK(problem.phi(theta) == problem.base.phi(theta));
  CHECK(problem.penalty_solution(theta, 3.0) == problem.base.penalty_solution(theta, 3.0));
}

TEST_CASE("what a nonconvex problem cannot answer is named", "[problems]") {
  const auto problem = make(2, {1, 1}, {5, 4});
  CHECK_THROWS_WITH(problem.stationary_points(-1, 1), contains("theta has 2 entries: must have 1"));
  CHECK_THROWS_WITH(problem.penalty_solution(VectorXd::Zero(2), 1.0),
                    contains("penalty = 1: F + penalty G must be strongly convex in p"));
  CHECK_NOTHROW(problem.penalty_solution(VectorXd::Zero(2), 100.0));
  CHECK_THROWS_WITH(make(1, {1, 1}, {}).stationary_points(1, -1), contains("low = 1, high = -1"));
  CHECK_THROWS_WITH(make(1, {1, -1}, {}), contains("theta_waves.frequency = -1"));
}
