#include "zofo/inner/lbfgs.hpp"

#include <Eigen/Core>
#include <Eigen/QR>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/objectives.hpp"
#include "zofo/core/random.hpp"
#include "zofo/inner/gradient_descent.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;
using objectives::step;
using zofo::inner::Lbfgs;
static_assert(zofo::inner::InnerOptimizer<Lbfgs, VectorXd>);

namespace {

const std::filesystem::path kGolden = std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden";

VectorXd read_vector(std::istream& in, Eigen::Index n) {
  VectorXd x(n);
  for (Eigen::Index i = 0; i < n; ++i) REQUIRE(in >> x[i]);
  return x;
}

// ½ (x − 1)ᵀ H (x − 1) in a random basis; H's eigenvalues are spread evenly in log from 1/κ to 1.
struct Rotated {
  MatrixXd hessian;
  Rotated(Eigen::Index n, double condition, std::uint64_t seed) {
    MatrixXd random(n, n);
    zofo::normals({seed, 0, 0}, 0, 0, random.data(), static_cast<std::size_t>(random.size()));
    const MatrixXd basis = Eigen::HouseholderQR<MatrixXd>(random).householderQ();
    const VectorXd spectrum = VectorXd::LinSpaced(n, -std::log(condition), 0.0).array().exp();
    hessian = basis * spectrum.asDiagonal() * basis.transpose();
  }
  double value_and_gradient(const VectorXd& x, VectorXd& gradient) const {
    const VectorXd error = x - VectorXd::Ones(x.size());
    gradient = hessian * error;
    return 0.5 * gradient.dot(error);
  }
};

// A state that has seen the pairs (s, y): x and gradient are changed along them by hand.
void show_pair(const Lbfgs& solver, const VectorXd& s, const VectorXd& y, VectorXd& x, VectorXd& gradient,
               Lbfgs::State<VectorXd>& state) {
  // The last update began at x₀ = *previous; the next is to begin at x₀ + s with the gradient changed by y.
  x = *state.previous + s;
  gradient = *state.previous_gradient + y;
  VectorXd used = gradient;
  solver.update(used, x, state);
}

// Steps to ‖∇g‖ ≤ tolerance with exact line searches: the optimizer gives the direction, the Hessian the
// length. At each the error in the energy norm is at most 2((√κ − 1)/(√κ + 1))^k of the start's, the bound of
// conjugate gradients, which every method of Broyden's class with exact line searches is on a quadratic
// (Nocedal & Wright 2006, Theorems 5.5 and 6.4).
int steps_with_line_search(const Rotated& g, std::uint32_t memory, double condition, double tolerance) {
  const double root = std::sqrt(condition), factor = (root - 1.0) / (root + 1.0);
  VectorXd x = VectorXd::Zero(g.hessian.rows()), gradient;
  const double start = std::sqrt(g.value_and_gradient(x, gradient));
  Lbfgs::State<VectorXd> state;
  for (int k = 0; k < 100; ++k) {
    const double value = g.value_and_gradient(x, gradient);
    REQUIRE(std::sqrt(value) <= 2.0 * std::pow(factor, k) * start * (1.0 + 1e-6) + 1e-12);
    if (gradient.norm() <= tolerance) return k;
    VectorXd unit = x, scratch = gradient;
    auto trial = state;
    const Lbfgs full{.rate = 1.0, .memory = memory, .first_rate = 1.0, .max_step_norm = 0.0};
    full.update(scratch, unit, trial);
    const VectorXd direction = unit - x;
    const double length = -gradient.dot(direction) / direction.dot(g.hessian * direction);
    const Lbfgs exact{.rate = length, .memory = memory, .first_rate = length, .max_step_norm = 0.0};
    exact.update(gradient, x, state);
  }
  return 100;
}

}  // namespace

TEST_CASE("the two-loop direction is SciPy's", "[inner]") {
  std::ifstream in(kGolden / "lbfgs.txt");
  Eigen::Index n = 0;
  int cases = 0;
  for (std::size_t pairs = 0; in >> n >> pairs; ++cases) {
    // One pair more is kept than there are, and, in a second run, an older pair has just been overwritten.
    std::vector<VectorXd> s, y;
    for (std::size_t i = 0; i < pairs; ++i) s.push_back(read_vector(in, n));
    for (std::size_t i = 0; i < pairs; ++i) y.push_back(read_vector(in, n));
    const VectorXd g = read_vector(in, n), expected = read_vector(in, n);
    for (const bool wrapped : {false, true}) {
      const Lbfgs solver{.memory = static_cast<std::uint32_t>(wrapped ? pairs : pairs + 1),
                         .max_step_norm = 0.0};
      Lbfgs::State<VectorXd> state;
      VectorXd x = VectorXd::Zero(n), gradient = VectorXd::Ones(n);
      solver.update(gradient, x, state);
      if (wrapped) show_pair(solver, VectorXd::Unit(n, 0), VectorXd::Unit(n, 0), x, gradient, state);
      for (std::size_t i = 0; i < pairs; ++i) show_pair(solver, s[i], y[i], x, gradient, state);
      CHECK(Lbfgs::kept(state) == pairs);
      VectorXd direction = g;
      REQUIRE(solver.precondition(direction, state));
      CHECK((direction - expected).norm() <= 1e-9 * expected.norm());
    }
  }
  CHECK(cases == 4);
}

TEST_CASE("pairs along n conjugate directions make the next step end at the minimum", "[inner]") {
  // H is the inverse Hessian on the span of conjugate steps (Nocedal & Wright 2006, Theorem 6.4); the
  // eigenvectors are conjugate.
  const Eigen::Index n = 12;
  const VectorXd curvature = VectorXd::LinSpaced(n, 0.5, 40.0), solution = VectorXd::LinSpaced(n, -1.0, 2.0);
  const Lbfgs solver{.memory = static_cast<std::uint32_t>(n), .max_step_norm = 0.0};
  Lbfgs::State<VectorXd> state;
  VectorXd x = VectorXd::Zero(n), gradient = curvature.cwiseProduct(x - solution);
  solver.update(gradient, x, state);
  for (Eigen::Index i = 0; i < n; ++i)
    show_pair(solver, VectorXd::Unit(n, i), curvature[i] * VectorXd::Unit(n, i), x, gradient, state);
  CHECK((x - solution).norm() < 1e-12);
}

TEST_CASE("with exact line searches the minimum of a quadratic is reached in n steps", "[inner]") {
  const Eigen::Index n = 10;
  const double condition = 100.0;
  const Rotated g(n, condition, 3);
  CHECK(steps_with_line_search(g, static_cast<std::uint32_t>(n), condition, 1e-9) <= n);
  CHECK(steps_with_line_search(g, 1, condition, 1e-6) <= n + 1);  // rounding costs what is not remembered
}

TEST_CASE("on an ill-conditioned quadratic it needs far fewer steps than gradient descent", "[inner]") {
  const double condition = 1e4;
  Rotated g(30, condition, 7);
  VectorXd x = VectorXd::Zero(30), plain = x;
  Lbfgs::State<VectorXd> state;
  zofo::inner::GradientDescent::State<VectorXd> plain_state;
  const auto quick = zofo::inner::inner_solve(Lbfgs{.first_rate = 1.0}, g, x, state, {2000, 1e-6});
  const auto slow =
      zofo::inner::inner_solve(zofo::inner::GradientDescent{1.0}, g, plain, plain_state, {200000, 1e-6});
  CHECK(quick.converged);
  CHECK(slow.converged);
  CHECK((x - VectorXd::Ones(30)).norm() <= 1e-6 * condition);
  INFO(quick.steps << " steps, gradient descent " << slow.steps);
  CHECK(50 * quick.steps < slow.steps);
}

TEST_CASE("pairs without clearly positive curvature are skipped and every step descends", "[inner]") {
  // Σ cos xᵢ is concave around 0 and convex around π.
  struct Waves {
    double value_and_gradient(const VectorXd& x, VectorXd& gradient) const {
      gradient = -x.array().sin();
      return x.array().cos().sum();
    }
  } waves;
  const Lbfgs solver{.rate = 0.5, .first_rate = 0.3, .max_step_norm = 0.5};
  Lbfgs::State<VectorXd> state;
  VectorXd x = VectorXd::LinSpaced(6, 0.05, 0.4), before = x;
  bool skipped = false;
  for (int k = 0; k < 200; ++k) {
    VectorXd gradient;
    waves.value_and_gradient(x, gradient);
    before = x;
    step(solver, waves, x, state);
    REQUIRE((x - before).dot(gradient) <= 0.0);
    REQUIRE((x - before).norm() <= 0.5 * (1.0 + 1e-12));
    skipped = skipped || Lbfgs::kept(state) + 1 < state.steps;
    for (const auto& pair : state.pairs)
      if (pair.curvature != 0.0) REQUIRE(pair.curvature > 0.0);
  }
  CHECK(skipped);
  CHECK((x - VectorXd::Constant(6, std::acos(-1.0))).norm() < 1e-6);
}

TEST_CASE("the first steps are gradient descent at first_rate, cut at max_step_norm", "[inner]") {
  objectives::Script script{
      {Eigen::Vector2d{3.0, 4.0}, Eigen::Vector2d{3.0, 4.0}, Eigen::Vector2d{3.0, 4.0}}};
  Lbfgs::State<VectorXd> state;
  VectorXd x = Eigen::Vector2d::Zero();
  step(Lbfgs{.first_rate = 0.1}, script, x, state);
  CHECK(x.isApprox(VectorXd(Eigen::Vector2d{-0.3, -0.4})));
  step(Lbfgs{.first_rate = 0.1}, script, x, state);  // y = 0: no pair
  CHECK(x.isApprox(VectorXd(Eigen::Vector2d{-0.6, -0.8})));
  CHECK(Lbfgs::kept(state) == 0);
  step(Lbfgs{.first_rate = 100.0, .max_step_norm = 2.0}, script, x, state);
  CHECK(x.isApprox(VectorXd(Eigen::Vector2d{-1.8, -2.4})));
}

TEST_CASE("more memory can be given between steps, less is refused", "[inner]") {
  Rotated g(8, 50.0, 5);
  Lbfgs::State<VectorXd> state;
  VectorXd x = VectorXd::Zero(8);
  const auto run = [&](std::uint32_t memory, int steps) {
    for (int k = 0; k < steps; ++k) step(Lbfgs{.memory = memory, .first_rate = 1.0}, g, x, state);
  };
  run(3, 6);  // the ring has wrapped in the middle
  CHECK(Lbfgs::kept(state) == 3);
  run(6, 20);
  CHECK(Lbfgs::kept(state) == 6);
  const VectorXd here = x;
  CHECK_THROWS_WITH(run(5, 1), contains("memory = 5: the state has 6 pairs"));
  CHECK(x == here);
}

TEST_CASE("options of L-BFGS are checked by name", "[inner]") {
  CHECK_THROWS_WITH((Lbfgs{.rate = -1.0}.check()), contains("rate = -1"));
  CHECK_THROWS_WITH((Lbfgs{.memory = 0}.check()), contains("memory = 0"));
  CHECK_THROWS_WITH((Lbfgs{.first_rate = -0.1}.check()), contains("first_rate = -0.1"));
  CHECK_THROWS_WITH((Lbfgs{.max_step_norm = std::numeric_limits<double>::infinity()}.check()),
                    contains("max_step_norm = inf"));
  CHECK_THROWS_WITH((Lbfgs{.min_curvature = 2.0}.check()), contains("min_curvature = 2"));
  CHECK_NOTHROW(Lbfgs{}.check());
}
