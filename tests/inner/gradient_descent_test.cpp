#include "zofo/inner/gradient_descent.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "inner/objectives.hpp"

using zofo::inner::GradientDescent;
static_assert(zofo::inner::InnerOptimizer<GradientDescent, Eigen::VectorXd>);
static_assert(!zofo::inner::InnerOptimizer<GradientDescent, int>);
static_assert(!zofo::inner::InnerOptimizer<int, Eigen::VectorXd>);

TEST_CASE("I1: the distance contracts by 1 − μ/L at every step", "[inner]") {
  const double kappa = GENERATE(1.0, 10.0, 100.0, 1000.0);
  const double mu = 0.5, L = mu * kappa;
  objectives::Diagonal<Eigen::VectorXd> g{Eigen::VectorXd::LinSpaced(8, mu, L),
                                          Eigen::VectorXd::LinSpaced(8, -1, 2)};
  const GradientDescent solver{1.0 / L};
  GradientDescent::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = Eigen::VectorXd::Constant(8, 5.0);
  const double start = (x - g.solution).norm();
  for (int t = 1; t <= 500; ++t) {
    step(solver, g, x, state);
    const double bound = std::pow(1.0 - 1.0 / kappa, t) * start;
    REQUIRE((x - g.solution).norm() <= bound * (1.0 + 1e-9) + 1e-13);
  }
  // Not better than it can be: the coordinate of μ contracts by exactly this factor.
  CHECK(std::abs(x[0] - g.solution[0]) == Approx(std::pow(1.0 - 1.0 / kappa, 500) * 6.0).margin(1e-13));
}

TEMPLATE_TEST_CASE("solve takes the budget and reports where it ended", "[inner]", Eigen::VectorXd,
                   Eigen::VectorXf) {
  objectives::Diagonal<TestType> g{TestType::Constant(3, 2), TestType::Constant(3, 1)};
  TestType x = TestType::Zero(3);
  GradientDescent::State<TestType> state;
  const auto report = zofo::inner::inner_solve(GradientDescent{0.25}, g, x, state, {2});
  // Each step halves x − 1: from −1 to −1/4 after two.
  CHECK(report.steps == 2);
  CHECK(static_cast<double>(x[0]) == Approx(0.75));
  CHECK(report.value == Approx(3 * 0.0625));
  CHECK(report.gradient_norm == Approx(std::sqrt(3.0) * 0.5));
}
