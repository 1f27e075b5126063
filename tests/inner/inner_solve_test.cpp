// What all inner optimizers share: vector types, steps counted, schedules, failures, the solve.
#include "zofo/inner/inner_solve.hpp"

#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <tuple>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"
#include "inner/two_blocks.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/exact.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/lbfgs.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/inner/sgd.hpp"

using Eigen::VectorXd;
using objectives::step;
using zofo::Schedule;
namespace inner = zofo::inner;

namespace {

using zofo::axpy, zofo::norm;  // Eigen's; a type of one's own brings its own

template <class P>
P ten() {
  if constexpr (std::is_same_v<P, own::TwoBlocks>)
    return {std::vector<double>(7, 0.0), std::vector<double>(3, 0.0)};
  else if constexpr (P::ColsAtCompileTime == 1)
    return P::Zero(10);
  else
    return P::Zero(5, 2);
}
// Calls use with a solver of each kind, fit for curvatures 1 … 10.
template <class Use>
void with_solvers(const Use& use) {
  use(inner::Exact{});
  use(inner::GradientDescent{.rate = 0.1});
  use(inner::Nesterov{.rate = 0.1, .strong_convexity = 1.0});
  use(inner::Nesterov{.rate = 0.1});
  use(inner::Sgd{.rate = 0.05, .momentum = 0.5});
  use(inner::Lbfgs{.first_rate = 0.1, .max_step_norm = 2.0});
  use(inner::Adam{.rate = Schedule::linear(0.05, 0.0, 2000)});
}
template <class P>
double distance(const P& x) {
  P minimum = x;
  objectives::Numbered<P>{}.minimiser(minimum);
  axpy(-1.0, x, minimum);
  return norm(minimum);
}

// ½‖x‖² until step `last`, then a value or a gradient that is no number.
struct Failing {
  int last;
  bool in_gradient;
  int calls = 0;
  double value_and_gradient(const VectorXd& x, VectorXd& gradient) {
    gradient = x;
    const bool fails = calls++ == last;
    if (fails && in_gradient) gradient[1] = std::numeric_limits<double>::infinity();
    return fails && !in_gradient ? std::nan("") : 0.5 * x.squaredNorm();
  }
  void minimiser(VectorXd& x) const { x *= 0.5; }
};

// A user's optimizer.
struct Plain {
  template <class P>
  struct State {};
  template <class P>
  void update(P& gradient, P& x, State<P>&) const {
    axpy(-0.1, gradient, x);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("every inner solver works on Eigen vectors, matrices and a user-defined type", "[inner]",
                   VectorXd, Eigen::MatrixXf, own::TwoBlocks) {
  with_solvers([](const auto& solver) {
    using Solver = std::remove_cvref_t<decltype(solver)>;
    static_assert(inner::InnerOptimizer<Solver, TestType>);
    objectives::Numbered<TestType> g;
    TestType x = ten<TestType>();
    typename Solver::template State<TestType> state;
    const auto report = inner::inner_solve(solver, g, x, state, {.steps = 2000, .tolerance = 1e-3});
    CHECK(report.converged);
    CHECK(report.gradient_norm <= 1e-3);
    CHECK(distance(x) <= 1e-3 * (1.0 + 1e-4));  // curvature is at least 1
    CHECK(report.steps < 2000);
    CHECK(state.steps == report.steps);
    // One gradient next to the steps', and another whenever momentum carried x away from what the step saw.
    CHECK(g.calls >= report.steps + 1);
    CHECK(g.calls <= report.steps + 3);
  });
}

TEST_CASE("a copied state continues as the original does", "[inner]") {
  with_solvers([](const auto& solver) {
    using State = typename std::remove_cvref_t<decltype(solver)>::template State<VectorXd>;
    objectives::Numbered<VectorXd> g;
    VectorXd x = VectorXd::Zero(10);
    State state;
    for (int k = 0; k < 5; ++k) step(solver, g, x, state);
    const State copied = state;
    const VectorXd here = x;
    for (int k = 0; k < 5; ++k) step(solver, g, x, state);
    VectorXd again = here;
    State warm = state;
    warm = copied;
    for (int k = 0; k < 5; ++k) step(solver, g, again, warm);
    CHECK(again == x);
    CHECK(copied.steps == 5);
  });
}

TEST_CASE("a value or gradient that is not finite names the step and leaves x and the state", "[inner]") {
  const bool in_gradient = GENERATE(false, true);
  with_solvers([&](const auto& solver) {
    typename std::remove_cvref_t<decltype(solver)>::template State<VectorXd> state, smooth_state;
    Failing failing{3, in_gradient}, smooth{-1, false};
    VectorXd x = VectorXd::LinSpaced(4, 1.0, 2.0), smooth_x = x;
    for (int k = 0; k < 3; ++k) step(solver, failing, x, state);
    const VectorXd before = x;
    CHECK_THROWS_WITH(
        step(solver, failing, x, state),
        contains(in_gradient ? "inner step 3: the gradient's norm is inf" : "inner step 3: the loss is nan"));
    CHECK(x == before);
    CHECK(state.steps == 3);
    // Nothing of the failure is left: the next step is the one that would have been.
    step(solver, failing, x, state);
    for (int k = 0; k < 4; ++k) step(solver, smooth, smooth_x, smooth_state);
    CHECK(x == smooth_x);
  });
}

TEST_CASE("a rate of 1/√k is taken step by step by every solver that has one", "[inner]") {
  // On ½ h x² each recursion is written out by hand with η_k = 0.3/√(k + 1).
  const double h = 1.7, x0 = 2.0;
  objectives::Diagonal<VectorXd> g{VectorXd::Constant(1, h), VectorXd::Zero(1)};
  const Schedule rate = Schedule::inverse_sqrt(0.3);
  const auto eta = [](int k) { return 0.3 / std::sqrt(k + 1.0); };
  const auto run = [&](const auto& solver) {
    typename std::remove_cvref_t<decltype(solver)>::template State<VectorXd> state;
    VectorXd x = VectorXd::Constant(1, x0);
    for (int k = 0; k < 30; ++k) step(solver, g, x, state);
    CHECK(state.steps == 30);
    return x[0];
  };
  double descent = x0, decayed = x0, velocity = 0.0, x = x0, before = x0, adam = x0, m = 0.0, v = 0.0;
  for (int k = 0; k < 30; ++k) {
    descent -= eta(k) * h * descent;
    velocity = 0.6 * velocity + h * decayed;
    decayed = (1.0 - 0.2 * eta(k)) * decayed - eta(k) * velocity;
    const double ahead = x + k / (k + 3.0) * (x - before);
    before = x;
    x = ahead - eta(k) * h * ahead;
    m = 0.9 * m + 0.1 * h * adam;
    v = 0.999 * v + 0.001 * h * h * adam * adam;
    adam -=
        eta(k) * m / (1.0 - std::pow(0.9, k + 1)) / (std::sqrt(v / (1.0 - std::pow(0.999, k + 1))) + 1e-8);
  }
  CHECK(run(inner::GradientDescent{rate}) == Approx(descent).epsilon(1e-12));
  CHECK(run(inner::Sgd{.rate = rate}) == Approx(descent).epsilon(1e-12));
  CHECK(run(inner::Sgd{.rate = rate, .momentum = 0.6, .weight_decay = 0.2}) ==
        Approx(decayed).epsilon(1e-12).margin(1e-15));
  CHECK(run(inner::Nesterov{.rate = rate}) == Approx(x).epsilon(1e-10).margin(1e-15));
  CHECK(run(inner::Adam{.rate = rate}) == Approx(adam).epsilon(1e-10));
}

TEST_CASE("a solve stops at the tolerance and reports convergence only when it is met", "[inner]") {
  // Each step halves the gradient of ½x² from 1.
  objectives::Diagonal<VectorXd> g{VectorXd::Ones(1), VectorXd::Zero(1)};
  const inner::GradientDescent halving{0.5};
  const auto solve = [&](const auto& solver, double start, inner::InnerBudget budget) {
    typename std::remove_cvref_t<decltype(solver)>::template State<VectorXd> state;
    VectorXd x = VectorXd::Constant(1, start);
    return inner::inner_solve(solver, g, x, state, budget);
  };
  SECTION("stopped") {
    // The fifth step finds 2^−4 and changes x to 2^−5.
    const auto report = solve(halving, 1.0, {100, 0.0625});
    CHECK(report.converged);
    CHECK(report.steps == 5);
    CHECK(report.gradient_norm == 0.03125);
  }
  SECTION("out of budget") {
    const auto report = solve(halving, 1.0, {3, 0.0625});
    CHECK_FALSE(report.converged);
    CHECK(report.steps == 3);
    CHECK(report.gradient_norm == 0.125);
  }
  SECTION("met by the last step") { CHECK(solve(halving, 1.0, {4, 0.0625}).converged); }
  SECTION("tolerance 0 is met only by a zero gradient") {
    CHECK_FALSE(solve(halving, 1.0, {200}).converged);
    CHECK(solve(inner::GradientDescent{1.0}, 1.0, {1}).converged);
    CHECK(solve(halving, 0.0, {200}).steps == 1);
  }
  SECTION("no steps") {
    const auto report = solve(halving, 1.0, {0, 1.0});
    CHECK(report.steps == 0);
    CHECK(report.converged);
  }
  SECTION("a step that overshoots the point it saw is not taken for the end") {
    // Heavy momentum runs through the minimum: what is reported holds where x is.
    const auto report = solve(inner::Sgd{.rate = 0.5, .momentum = 0.9}, 1.0, {10000, 1e-3});
    CHECK(report.converged);
    CHECK(report.gradient_norm <= 1e-3);
  }
  SECTION("a tolerance out of range") {
    CHECK_THROWS_WITH(solve(halving, 1.0, {1, -1.0}), contains("tolerance = -1"));
  }
}

TEST_CASE("a user-defined optimizer works as the library's do", "[inner]") {
  objectives::Numbered<VectorXd> g;
  static_assert(inner::InnerOptimizer<Plain, VectorXd> && !inner::LooksAhead<Plain, VectorXd>);
  VectorXd x = VectorXd::Zero(10), other = x;
  Plain::State<VectorXd> state;
  inner::GradientDescent::State<VectorXd> other_state;
  const inner::InnerBudget budget{.steps = 300, .tolerance = 1e-6};
  const auto report = inner::inner_solve(Plain{}, g, x, state, budget);
  CHECK(report.converged);
  CHECK(report.steps == inner::inner_solve(inner::GradientDescent{0.1}, g, other, other_state, budget).steps);
  CHECK(x == other);
}

TEST_CASE("an x of another size than the moments' is refused; only scratch memory adapts", "[inner]") {
  objectives::Numbered<VectorXd> g;
  VectorXd small = VectorXd::Zero(3), large = VectorXd::Zero(5);
  const auto moments = [&](const auto& solver) {
    typename std::remove_cvref_t<decltype(solver)>::template State<VectorXd> state;
    step(solver, g, small, state);
    CHECK_THROWS_WITH(step(solver, g, large, state), contains("another size"));
    CHECK(large == VectorXd::Zero(5));
    CHECK(state.steps == 1);
  };
  moments(inner::Adam{});
  moments(inner::Nesterov{});
  moments(inner::Sgd{.momentum = 0.9});
  moments(inner::Lbfgs{});
  inner::GradientDescent::State<VectorXd> state;
  zofo::Memory<VectorXd> gradient;
  inner::inner_step(inner::GradientDescent{}, g, small, state, gradient);
  CHECK_NOTHROW(inner::inner_step(inner::GradientDescent{}, g, large, state, gradient));
  objectives::Script wrong{{VectorXd::Zero(2)}};
  CHECK_THROWS_WITH(step(inner::GradientDescent{}, wrong, small, state),
                    contains("inner step 2: the objective gave a gradient of another size"));
}
