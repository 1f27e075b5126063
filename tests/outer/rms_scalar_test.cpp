#include "zofo/outer/rms_scalar.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "outer/estimates.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"

using Eigen::VectorXd;
using zofo::Gaussian;
using zofo::Schedule;
using zofo::ZoGradient;
using zofo::outer::RmsScalar;

namespace {
VectorXd dense_vector(const ZoGradient& g, Eigen::Index n) {
  const auto row = estimates::dense(g, 0, static_cast<std::size_t>(n));
  return VectorXd::Map(row.data(), n);
}
// 30 steps on scale · (½ Σ (i + 1) θ_i² + Σ sin θ_i), two queries each.
VectorXd path_end(double scale) {
  const zofo::Central estimator{.epsilon = 1e-3, .queries = 2, .seed = 3};
  const RmsScalar solver{.rate = 0.05, .beta2 = 0.9};
  RmsScalar::State<VectorXd> state;
  VectorXd theta = VectorXd::LinSpaced(6, -1.0, 2.0);
  for (std::uint32_t k = 0; k < 30; ++k) {
    std::vector<double> losses;
    for (const zofo::Probe& probe : zofo::probes_of(estimator, k)) {
      const VectorXd x = theta + probe.scale * dense_vector({{{probe.direction, 1.0}}}, 6);
      losses.push_back(scale *
                       (0.5 * VectorXd::LinSpaced(6, 1, 6).dot(x.cwiseAbs2()) + x.array().sin().sum()));
    }
    solver.apply(theta, Gaussian{}, zofo::estimate_of(estimator, k, losses), state);
  }
  return theta;
}
}  // namespace

TEST_CASE("with one query the first step is rate along the direction, for any ρ", "[outer]") {
  const double rho = GENERATE(3.0, -1e-9, 1e12);
  VectorXd theta = VectorXd::Zero(9);
  RmsScalar::State<VectorXd> state;
  RmsScalar{.rate = 0.25}.apply(theta, Gaussian{}, {{{{5, 0, 0}, rho}}, 1}, state);
  const VectorXd z = dense_vector({{{{5, 0, 0}, 1.0}}}, 9);
  CHECK(theta.isApprox(rho > 0 ? VectorXd(-0.25 * z) : VectorXd(0.25 * z), 1e-12));
}

TEST_CASE("the first steps in closed form", "[outer]") {
  // Two queries with ρ = (3, 4), then (0, 2): means of ρ² are 12.5 and 2. With β₂ = ½ the corrected average
  // after the second step is (½·½·12.5 + ½·2)/(1 − ¼) = 5.5.
  const ZoGradient first{{{{5, 0, 0}, 1.5}, {{5, 0, 1}, 2.0}}, 2},
      second{{{{5, 1, 0}, 0.0}, {{5, 1, 1}, 1.0}}, 2};
  const RmsScalar solver{.rate = Schedule::linear(0.1, 0.3, 1), .beta2 = 0.5};
  RmsScalar::State<VectorXd> state;
  VectorXd theta = VectorXd::Zero(9);
  solver.apply(theta, Gaussian{}, first, state);
  VectorXd expected = -0.1 / std::sqrt(12.5) * dense_vector(first, 9);
  CHECK(theta.isApprox(expected, 1e-12));
  solver.apply(theta, Gaussian{}, second, state);
  expected -= 0.3 / std::sqrt(5.5) * dense_vector(second, 9);
  CHECK(theta.isApprox(expected, 1e-12));
  CHECK(state.steps == 2);
  CHECK(state.second == Approx(0.75 * 5.5));
}

TEST_CASE("the path is the same for f and a f, a > 0", "[outer]") {
  // A power of two changes no bit; any other number rounds the losses, 30 steps of 1e-16/ε each.
  const VectorXd one = path_end(1.0);
  CHECK(path_end(0x1p20) == one);
  CHECK(path_end(0x1p-40) == one);
  CHECK((path_end(1e-6) - one).norm() < 1e-9);
  CHECK((path_end(-1.0) - one).norm() > 1.0);
}

TEST_CASE("estimates of zeros or of nothing move nothing", "[outer]") {
  VectorXd theta = VectorXd::Ones(3);
  RmsScalar::State<VectorXd> state;
  RmsScalar{}.apply(theta, Gaussian{}, {{{{5, 0, 0}, 0.0}}, 1}, state);
  RmsScalar{}.apply(theta, Gaussian{}, {}, state);
  CHECK(theta == VectorXd::Ones(3));
  CHECK(state.steps == 2);
}

TEST_CASE("RmsScalar refuses what is not finite and leaves θ and the state", "[outer]") {
  VectorXd theta = VectorXd::Ones(3);
  RmsScalar::State<VectorXd> state;
  CHECK_THROWS_WITH(RmsScalar{}.apply(theta, Gaussian{}, {{{{}, INFINITY}}, 1}, state),
                    contains("outer step 0: coefficient 0 of the estimate is inf"));
  CHECK_THROWS_WITH(RmsScalar{}.apply(theta, Gaussian{}, {{{{}, 1e200}}, 1}, state),
                    contains("outer step 0: the estimate's mean square is inf"));
  CHECK(theta == VectorXd::Ones(3));
  CHECK((state.steps == 0 && state.second == 0.0));
  CHECK_THROWS_WITH((zofo::outer::RmsScalar{.beta2 = 1.5}.check()), contains("beta2 = 1.5"));
}
