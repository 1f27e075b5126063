#include "zofo/problems/pl_lower.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"

using Eigen::VectorXd;
using zofo::problems::PlLower;
static_assert(zofo::problems::AnalyticProblem<PlLower> && zofo::HasExactInner<PlLower> &&
              zofo::HasHypergradient<PlLower> && zofo::HasSecondOrder<PlLower>);

namespace {
const PlLower kProblem;
VectorXd one(double x) { return VectorXd::Constant(1, x); }
double f(double x, double y) {  // as printed in the paper
  return std::cos(4 * y + 2) / (1 + std::exp(2 - 4 * x)) + 0.5 * std::log((4 * x - 2) * (4 * x - 2) + 1);
}
double g(double x, double y) { return (x + y) * (x + y) + x * std::sin(x + y) * std::sin(x + y); }
}  // namespace

TEST_CASE("f and g are the paper's, derivatives are theirs", "[problems]") {
  for (const double x : {0.0, 0.4, 1.3, 2.2, 3.0})
    for (const double y : {-5.0, -1.3, 0.0, 2.0}) {
      CHECK(kProblem.upper(one(x), one(y)) == Approx(f(x, y)));
      CHECK(kProblem.lower(one(x), one(y)) == Approx(g(x, y)));
      const auto check = zofo::check_problem(kProblem, one(x), one(y), 1e-9);
      INFO(check.message());
      CHECK(check.passed());
    }
}

TEST_CASE("−x is the only minimum of g over y for x in [0, 3]", "[problems]") {
  for (int i = 0; i <= 30; ++i) {
    const double x = 0.1 * i;
    CHECK(kProblem.lower(one(x), kProblem.lower_solution(one(x))) == 0.0);
    for (int j = -4000; j <= 4000; ++j) {
      if (j == 0) continue;
      const double y = -x + 0.005 * j;
      REQUIRE(g(x, y) > 0);
      VectorXd slope;
      kProblem.lower_gradient(one(x), one(y), {}, slope);
      REQUIRE((slope[0] > 0) == (j > 0));  // no other stationary point
    }
  }
  CHECK_THROWS_WITH(kProblem.lower_solution(one(-1.5)), contains("theta = -1.5: must be at least -1"));
  CHECK(g(-1.5, 1.0) < 0);  // and rightly so
}

TEST_CASE("g is not convex in y but satisfies the PL inequality with the stated constant", "[problems]") {
  double least_curvature = 0;
  for (const double x : {0.0, 1.0, 2.0, 3.0}) {
    const double mu = PlLower::pl_constant(x);
    double tightest = 1e9;
    for (int j = -20000; j <= 20000; ++j) {
      if (j == 0) continue;
      const double y = -x + 1.3e-3 * j;
      VectorXd slope;
      const double value = kProblem.lower_gradient(one(x), one(y), {}, slope);
      tightest = std::min(tightest, 0.5 * slope[0] * slope[0] / value);
      least_curvature = std::min(least_curvature, kProblem.lower_hessian(one(x), one(y))(0, 0));
    }
    CHECK(tightest >= mu - 1e-12);
    CHECK(tightest <= mu + (x == 0.0 ? 1e-9 : 1e-2));  // not a loose one
  }
  CHECK(least_curvature < -3.9);
  double last = 3;
  for (int i = 0; i <= 30; ++i) {
    const double mu = PlLower::pl_constant(0.1 * i);
    CHECK(mu <= last);
    last = mu;
  }
  CHECK(kProblem.constants().mu == last);
}

TEST_CASE("p_λ, φ and ∇φ agree with the reference and with a dense scan", "[problems]") {
  for (const double x : {0.3, 1.1, 2.7}) {
    // λ so large that F + λG has one minimum near −x: Newton's method from −x finds it.
    for (const double penalty : {20.0, 1000.0}) {
      zofo::ReferenceOptions options;
      options.penalty = penalty;
      const auto r = zofo::reference(kProblem, one(x), one(-x + 0.2), options);
      REQUIRE(r.converged);
      CHECK(std::abs(r.p[0] + x) < 1e-12);
      CHECK(kProblem.phi(one(x)) == Approx(f(x, -x)).epsilon(1e-14));
      CHECK(std::abs(kProblem.phi_gradient(one(x))[0] - r.phi_gradient[0]) < 1e-12);
      CHECK(std::abs(kProblem.penalty_solution(one(x), penalty)[0] - (*r.penalty_solution)[0]) < 1e-12);
      CHECK(kProblem.penalty_value(one(x), penalty) == Approx(*r.penalty_value).epsilon(1e-12));
      CHECK(kProblem.penalty_value_gradient(one(x), penalty)[0] ==
            Approx((*r.penalty_value_gradient)[0]).epsilon(1e-10));
    }
    // λ so small that there are several: the lowest of a dense scan.
    const double penalty = 0.2, p = kProblem.penalty_solution(one(x), penalty)[0];
    double best = -20;
    for (double y = -20; y < 20; y += 1e-4)
      if (f(x, y) + penalty * g(x, y) < f(x, best) + penalty * g(x, best)) best = y;
    CHECK(std::abs(p - best) < 2e-4);
  }
  CHECK_THROWS_WITH(kProblem.penalty_solution(one(1), 0.0),
                    contains("penalty = 0: must be finite and above 0"));
}

TEST_CASE("the global minimum is that of a dense scan, and the start is in another basin", "[problems]") {
  const auto best = kProblem.global_minimum();
  for (int i = 0; i <= 30000; ++i) REQUIRE(f(1e-4 * i, -1e-4 * i) >= best.value - 1e-15);
  CHECK(std::abs(kProblem.phi_gradient(one(best.x))[0]) < 1e-13);
  const auto points = kProblem.stationary_points();
  CHECK(points.size() == 5);
  const double start = kProblem.start().theta[0];
  bool wall = false;
  for (const auto& point : points) wall = wall || (!point.minimum && point.x > best.x && point.x < start);
  CHECK(wall);
  const auto k = kProblem.constants();
  for (int i = 0; i <= 300; ++i) {
    const double x = 0.01 * i, curvature = agreement::phi_curvature(kProblem, one(x)).high;
    CHECK(std::abs(curvature) <= k.phi_smoothness);
    CHECK(std::abs(kProblem.lower_hessian(one(x), one(0.7 * i))(0, 0)) <= k.smoothness + 1e-12);
  }
}
