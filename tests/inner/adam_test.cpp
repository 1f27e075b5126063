#include "zofo/inner/adam.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"
#include "zofo/core/error.hpp"

using zofo::inner::Adam;
static_assert(zofo::inner::InnerOptimizer<Adam, Eigen::VectorXf>);

TEST_CASE("Adam updates by the moments written as sums over all gradients", "[inner]") {
  // Kingma & Ba's closed form m_t = (1−β₁) Σ β₁^{t−i} gᵢ, without a recursion.
  const double rate = 0.05, b1 = 0.9, b2 = 0.99, eps = 1e-6;
  objectives::Script script;
  for (int t = 0; t < 12; ++t)
    script.gradients.push_back(Eigen::Vector2d{std::sin(t + 1.0), std::cos(2.0 * t) - 0.3});
  const Adam solver{.rate = rate, .beta1 = b1, .beta2 = b2, .epsilon = eps};
  Adam::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = Eigen::Vector2d{1.0, -1.0}, expected = x;
  for (int t = 1; t <= 12; ++t) {
    step(solver, script, x, state);
    for (Eigen::Index c = 0; c < 2; ++c) {
      double m = 0.0, v = 0.0;
      for (int i = 1; i <= t; ++i) {
        const double g = script.gradients[static_cast<std::size_t>(i - 1)][c];
        m += (1 - b1) * std::pow(b1, t - i) * g;
        v += (1 - b2) * std::pow(b2, t - i) * g * g;
      }
      expected[c] -= rate * (m / (1 - std::pow(b1, t))) / (std::sqrt(v / (1 - std::pow(b2, t))) + eps);
      CHECK(x[c] == Approx(expected[c]).epsilon(1e-10));
    }
  }
  CHECK(state.steps == 12);
}

TEST_CASE("the first step has length rate in every coordinate, for any size of the gradient", "[inner]") {
  objectives::Script script{{Eigen::Vector3d{1e-3, -5.0, 200.0}}};
  Adam::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = Eigen::Vector3d::Zero();
  CHECK(step(Adam{.rate = 0.1}, script, x, state).value == 1.0);
  CHECK(x.isApprox(Eigen::VectorXd(Eigen::Vector3d{-0.1, 0.1, -0.1}), 1e-5));
}

TEST_CASE("clipping uses the norm of the whole gradient", "[inner]") {
  // A clipped gradient of norm 5 with limit 1 enters the moments as g/5.
  objectives::Script script{{Eigen::Vector2d{3.0, 4.0}}};
  Adam::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = Eigen::Vector2d::Zero();
  step(Adam{.clip = 1.0}, script, x, state);
  CHECK(state.first->isApprox(0.1 * Eigen::VectorXd(Eigen::Vector2d{0.6, 0.8})));
}

TEST_CASE("decoupled weight decay shrinks x when the gradient is zero", "[inner]") {
  objectives::Script script{{3, Eigen::VectorXd::Zero(1)}};
  Eigen::VectorXd x = Eigen::VectorXd::Constant(1, 1.0);
  Adam::State<Eigen::VectorXd> state;
  for (int t = 0; t < 3; ++t) step(Adam{.rate = 0.1, .weight_decay = 1.0}, script, x, state);
  CHECK(x[0] == Approx(0.729));
}

TEMPLATE_TEST_CASE("Adam reaches the minimum of a quadratic", "[inner]", Eigen::VectorXd, Eigen::VectorXf) {
  objectives::Diagonal<TestType> g{TestType::LinSpaced(5, 1, 50), TestType::LinSpaced(5, -1, 1)};
  TestType x = TestType::Zero(5);
  Adam::State<TestType> state;
  const auto report = zofo::inner::inner_solve(Adam{.rate = 0.01}, g, x, state, {3000});
  CHECK(static_cast<double>((x - g.solution).norm()) < 1e-3);
  CHECK(report.gradient_norm < 0.05);
}

TEST_CASE("Adam's options are checked by name", "[inner]") {
  CHECK_THROWS_WITH((Adam{.rate = -1.0}.check()), contains("rate = -1"));
  CHECK_THROWS_WITH((Adam{.beta2 = 1.0}.check()), contains("beta2 = 1"));
}
