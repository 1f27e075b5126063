#include "zofo/inner/sgd.hpp"

#include <Eigen/Core>
#include <limits>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"
#include "zofo/core/error.hpp"

using zofo::inner::Sgd;
static_assert(zofo::inner::InnerOptimizer<Sgd, Eigen::VectorXf>);

TEST_CASE("momentum follows the heavy-ball recurrence", "[inner]") {
  // x₊ = x − ηhx + β(x − x₋) on ½hx², written without a velocity.
  const double eta = 0.1, beta = 0.8, h = 3.0;
  objectives::Diagonal<Eigen::VectorXd> g{Eigen::VectorXd::Constant(1, h), Eigen::VectorXd::Zero(1)};
  const Sgd solver{.rate = eta, .momentum = beta};
  Sgd::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = Eigen::VectorXd::Constant(1, 2.0);
  double now = 2.0, before = 2.0;
  for (int t = 0; t < 50; ++t) {
    step(solver, g, x, state);
    const double after = now - eta * h * now + beta * (now - before);
    before = now;
    now = after;
    CHECK(x[0] == Approx(now).margin(1e-12));
  }
}

TEST_CASE("clipping bounds the step by rate · clip and keeps its direction", "[inner]") {
  objectives::Script script{{Eigen::Vector2d{30.0, -40.0}, Eigen::Vector2d{0.3, 0.4}}};
  const Sgd solver{.rate = 0.5, .clip = 2.0};
  Sgd::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = Eigen::Vector2d::Zero();
  step(solver, script, x, state);
  CHECK(x.isApprox(Eigen::VectorXd(Eigen::Vector2d{-0.6, 0.8})));
  step(solver, script, x, state);  // shorter than the limit: as it is
  CHECK(x.isApprox(Eigen::VectorXd(Eigen::Vector2d{-0.75, 0.6})));
}

TEST_CASE("weight decay shrinks x geometrically when the gradient is zero", "[inner]") {
  objectives::Script script{{5, Eigen::VectorXd::Zero(1)}};
  Eigen::VectorXd x = Eigen::VectorXd::Constant(1, 4.0);
  Sgd::State<Eigen::VectorXd> state;
  for (int t = 0; t < 5; ++t) step(Sgd{.rate = 0.1, .weight_decay = 2.0}, script, x, state);
  CHECK(x[0] == Approx(4.0 * 0.32768));  // 0.8^5
}

TEST_CASE("options of the inner SGD are checked by name", "[inner]") {
  CHECK_THROWS_WITH((Sgd{.rate = std::numeric_limits<double>::quiet_NaN()}.check()), contains("rate = nan"));
  CHECK_THROWS_WITH((Sgd{.momentum = 1.0}.check()), contains("momentum = 1"));
  CHECK_NOTHROW(Sgd{}.check());
}
