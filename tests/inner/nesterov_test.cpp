#include "zofo/inner/nesterov.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"

using Eigen::VectorXd;
using zofo::inner::Nesterov;
static_assert(zofo::inner::LooksAhead<Nesterov, VectorXd>);

namespace {
double value(const objectives::Diagonal<VectorXd>& g, const VectorXd& x) {
  return 0.5 * (x - g.solution).dot(g.curvature.cwiseProduct(x - g.solution));
}
}  // namespace

TEST_CASE("with μ the value falls by 1 − 1/√κ a step (Nesterov 2004, Theorem 2.2.3)", "[inner]") {
  const double kappa = GENERATE(1.0, 10.0, 100.0, 1000.0);
  const double mu = 0.5, L = mu * kappa;
  objectives::Diagonal<VectorXd> g{VectorXd::LinSpaced(8, mu, L), VectorXd::LinSpaced(8, -1, 2)};
  const Nesterov solver{.rate = 1.0 / L, .strong_convexity = mu};
  solver.check();
  Nesterov::State<VectorXd> state;
  VectorXd x = VectorXd::Constant(8, 5.0);
  const double start = value(g, x) + 0.5 * mu * (x - g.solution).squaredNorm();
  for (int k = 1; k <= 500; ++k) {
    step(solver, g, x, state);
    REQUIRE(value(g, x) <= std::pow(1.0 - 1.0 / std::sqrt(kappa), k) * start * (1.0 + 1e-9) + 1e-25);
  }
}

TEST_CASE("with μ a coordinate follows its linear recursion's roots", "[inner]") {
  // e₊ = (1 − h/L)(e + β(e − e₋)); at h = μ the characteristic polynomial has the double root r = 1 − 1/√κ:
  // e_k = (1 + c k) r^k with e_1 = (1 − 1/κ).
  const double mu = 1.0, L = 25.0, r = 1.0 - 1.0 / 5.0, c = (1.0 - 1.0 / 25.0) / r - 1.0;
  objectives::Diagonal<VectorXd> g{VectorXd::Constant(1, mu), VectorXd::Zero(1)};
  const Nesterov solver{.rate = 1.0 / L, .strong_convexity = mu};
  Nesterov::State<VectorXd> state;
  VectorXd x = VectorXd::Ones(1);
  for (int k = 1; k <= 40; ++k) {
    step(solver, g, x, state);
    CHECK(x[0] == Approx((1.0 + c * k) * std::pow(r, k)).epsilon(1e-9));
  }
}

TEST_CASE("without μ the value is below 2 L ‖x₀ − x*‖²/(k + 1)², which gradient descent breaks", "[inner]") {
  // Curvatures spread over six decades: gradient descent is still far when Nesterov must have arrived.
  const VectorXd h =
      VectorXd::LinSpaced(200, -6.0, 0.0).unaryExpr([](double e) { return std::pow(10.0, e); });
  objectives::Diagonal<VectorXd> g{h, VectorXd::Zero(200)};
  VectorXd x = h.cwiseInverse().cwiseSqrt().normalized(), plain = x;
  const double distance = x.squaredNorm();
  const Nesterov solver{.rate = 1.0};
  Nesterov::State<VectorXd> state;
  bool plain_holds = true;
  for (int k = 1; k <= 3000; ++k) {
    step(solver, g, x, state);
    plain -= h.cwiseProduct(plain);
    const double bound = 2.0 * distance / ((k + 1.0) * (k + 1.0));
    REQUIRE(value(g, x) <= bound * (1.0 + 1e-9));
    plain_holds = plain_holds && value(g, plain) <= bound;
  }
  CHECK_FALSE(plain_holds);
}

TEST_CASE("the step reports value and gradient at the extrapolated point", "[inner]") {
  // ½x² from 1 with η = ½: x₁ = ½, y₁ = ½ + ¼(½ − 1) = ⅜, x₂ = 3/16.
  objectives::Diagonal<VectorXd> g{VectorXd::Ones(1), VectorXd::Zero(1)};
  Nesterov::State<VectorXd> state;
  VectorXd x = VectorXd::Ones(1);
  const Nesterov solver{.rate = 0.5};
  CHECK(step(solver, g, x, state).gradient_norm == 1.0);
  const zofo::inner::InnerStep second = step(solver, g, x, state);
  CHECK(second.gradient_norm == Approx(0.375));
  CHECK(second.value == Approx(0.5 * 0.375 * 0.375));
  CHECK(x[0] == Approx(0.1875));
}

TEST_CASE("an update without the point it belongs to is refused", "[inner]") {
  VectorXd x = VectorXd::Ones(2), gradient = x;
  Nesterov::State<VectorXd> state;
  const Nesterov solver{.rate = 0.5};
  CHECK(&solver.point(x, state) == &x);  // nothing to extrapolate from
  solver.update(gradient, x, state);
  CHECK_THROWS_WITH(solver.update(gradient, x, state), contains("call point(x, state)"));
  CHECK(x == VectorXd::Constant(2, 0.5));
  CHECK(state.steps == 1);
  CHECK(solver.point(x, state) == VectorXd::Constant(2, 0.375));
  CHECK_NOTHROW(solver.update(gradient, x, state));
}

TEST_CASE("Nesterov's options are checked by name", "[inner]") {
  CHECK_THROWS_WITH((Nesterov{.rate = -1.0}.check()), contains("rate = -1"));
  CHECK_THROWS_WITH((Nesterov{.strong_convexity = -2.0}.check()), contains("strong_convexity = -2"));
  CHECK_THROWS_WITH((Nesterov{.rate = 0.5, .strong_convexity = 4.0}.check()),
                    contains("strong_convexity = 4: must be at most 1/rate = 2"));
  CHECK_NOTHROW(Nesterov{}.check());
}
