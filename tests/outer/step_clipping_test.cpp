#include "zofo/outer/step_clipping.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/magnitude_mask.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/random_mask.hpp"
#include "zofo/perturb/sparse.hpp"
#include "zofo/perturb/sphere.hpp"

using Eigen::VectorXd;
using zofo::Gaussian;
using zofo::ZoGradient;
using zofo::outer::Momentum;
using zofo::outer::Sgd;
using zofo::outer::StepClipping;

static_assert(zofo::outer::OuterOptimizer<StepClipping<Sgd>, VectorXd, Gaussian>);
static_assert(zofo::outer::OuterOptimizer<StepClipping<Momentum>, Eigen::MatrixXf, Gaussian>);

namespace {

ZoGradient scaled_estimate(std::uint32_t step, double size) {
  return {{{{7, step, 0}, 3.0 * size}, {{7, step, 1}, -4.0 * size}}};
}
// θ after one step from 0.
template <class Distribution>
VectorXd moved(const Distribution& distribution, double rate, double longest, const ZoGradient& gradient,
               Eigen::Index d) {
  const StepClipping region{Sgd{.rate = rate}, longest};
  StepClipping<Sgd>::State<VectorXd> state;
  VectorXd theta = VectorXd::Zero(d);
  region.apply(theta, distribution, gradient, state);
  CHECK(state.own.steps == 1);
  return theta;
}
template <class Distribution>
VectorXd plain(const Distribution& distribution, double rate, const ZoGradient& gradient, Eigen::Index d) {
  VectorXd theta = VectorXd::Zero(d);
  Sgd::State<VectorXd> state;
  Sgd{.rate = rate}.apply(theta, distribution, gradient, state);
  return theta;
}

}  // namespace

TEST_CASE("a short step is the optimiser's own, a long one is shortened in its direction", "[outer]") {
  // √(d Σ c²) η = √100 · 5 · 0.01 = 0.5.
  const ZoGradient gradient = scaled_estimate(0, 1.0);
  const VectorXd whole = plain(Gaussian{}, 0.01, gradient, 100);
  CHECK(moved(Gaussian{}, 0.01, 0.5 * (1.0 + 1e-12), gradient, 100) == whole);
  CHECK((moved(Gaussian{}, 0.01, 0.125, gradient, 100) - 0.25 * whole).cwiseAbs().maxCoeff() < 1e-15);
  CHECK(
      (moved(Gaussian{}, 0.01, 0.125, scaled_estimate(0, 1e200), 100) - 0.25 * whole).cwiseAbs().maxCoeff() <
      1e-15);
  CHECK(moved(Gaussian{}, 0.01, 0.125, scaled_estimate(0, 0.0), 100).norm() == 0.0);
}

TEST_CASE("shortened steps have the length in the root mean square, exactly where directions have one length",
          "[outer]") {
  const ZoGradient one{{{{7, 0, 0}, 2.0}}};
  CHECK(moved(zofo::Rademacher{}, 1.0, 0.3, one, 50).norm() == Approx(0.3));
  CHECK(moved(zofo::Sphere{}, 1.0, 0.3, one, 50).norm() == Approx(0.3));
  CHECK(moved(zofo::Coordinate{}, 1.0, 0.3, one, 50).norm() == Approx(0.3));
  const zofo::Sparse smallest{zofo::Rademacher{},
                              zofo::MagnitudeMask(VectorXd::LinSpaced(50, 0.0, 1.0).eval(), 0.2)};
  CHECK(moved(smallest, 1.0, 0.3, one, 50).norm() == Approx(0.3));
  // Two Gaussian directions; the mean square of the squared length over 400 samples has the relative standard
  // error √(2/d)/√400·…: below 2 √(1/50)/20 = 0.015. Five of them.
  double gaussian = 0.0, sparse = 0.0;
  const zofo::Sparse mask{Gaussian{}, zofo::RandomMask{0.2, 3, 1}};
  for (std::uint32_t k = 0; k < 400; ++k) {
    gaussian += moved(Gaussian{}, 1.0, 0.3, scaled_estimate(k, 1.0), 50).squaredNorm() / 400;
    sparse += moved(mask, 1.0, 0.3, scaled_estimate(k, 1.0), 50).squaredNorm() / 400;
  }
  CHECK(std::abs(gaussian / 0.09 - 1.0) < 0.075);
  // A fifth of the coordinates, and their number is by chance too: the standard error is below
  // √(2·2/10 + 0.8/10)/20 = 0.035.
  CHECK(std::abs(sparse / 0.09 - 1.0) < 0.175);
}

TEST_CASE("momentum adds steps of bounded length", "[outer]") {
  const StepClipping region{Momentum{.rate = 0.1, .momentum = 0.5}, 0.2};
  StepClipping<Momentum>::State<VectorXd> state;
  VectorXd theta = VectorXd::Zero(20), expected = theta, velocity = theta;
  for (std::uint32_t k = 0; k < 5; ++k) {
    region.apply(theta, zofo::Rademacher{}, ZoGradient{{{{9, k, 0}, 1.0 + k}}}, state);
    VectorXd z = VectorXd::Zero(20);
    zofo::Rademacher{}.add(z, {9, k, 0}, 1.0);
    const double length = 0.1 * std::sqrt(20.0) * (1.0 + k);
    velocity = 0.5 * velocity + (1.0 + k) * std::min(1.0, 0.2 / length) * z;
    expected -= 0.1 * velocity;
    CHECK((theta - expected).norm() < 1e-13);  // velocities have θ's precision
  }
}

TEST_CASE("a solver takes it, and options out of range are named", "[outer]") {
  auto problem = zofo::single_level<VectorXd>([](const VectorXd& x) { return 0.5 * x.squaredNorm(); });
  VectorXd theta = VectorXd::Constant(11, 5.0);  // an odd number of signs never cancels
  zofo::AdapterPair<zofo::NoAdapter> none;
  zofo::Solver solver{problem,
                      zofo::Policies{.perturbation = zofo::Rademacher{},
                                     .estimator = zofo::Central{1e-3, 1, 2},
                                     .outer = StepClipping{Sgd{.rate = 1.0}, 0.01},
                                     .lower = zofo::inner::Sgd{}},
                      zofo::BilevelOptions{.outer_steps = 1}.mezo()};
  const VectorXd before = theta;
  solver.solve(theta, none);
  CHECK((theta - before).norm() == Approx(0.01));
  CHECK_THROWS_WITH((StepClipping{Sgd{}, 0.0}.check()), contains("longest = 0"));
  CHECK_THROWS_WITH((StepClipping{Sgd{.rate = -1.0}, 1.0}.check()), contains("rate"));
  const StepClipping region{Sgd{}, 1.0};
  StepClipping<Sgd>::State<VectorXd> state;
  CHECK_THROWS_WITH(region.apply(theta, Gaussian{}, ZoGradient{{{{1, 0, 0}, NAN}}}, state),
                    contains("coefficient 0"));
  CHECK(state.own.steps == 0);
}
