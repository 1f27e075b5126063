#include "zofo/problems/quadratic.hpp"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <cmath>
#include <functional>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"
#include "zofo/core/problem.hpp"

using Eigen::VectorXd;
using zofo::problems::Quadratic;
static_assert(zofo::FourFunctions<Quadratic> && zofo::HasExactInner<Quadratic> &&
              zofo::HasHypergradient<Quadratic>);
static_assert(zofo::problems::AnalyticProblem<Quadratic> && zofo::HasSecondOrder<Quadratic> &&
              zofo::HasThetaGradients<Quadratic>);

namespace {

Quadratic problem(std::uint64_t seed = 1) {
  return zofo::problems::random_quadratic(
      {VectorXd::LinSpaced(5, 0.5, 4.0), VectorXd::LinSpaced(4, 0.5, 5.0)}, seed);
}
VectorXd point(Eigen::Index n, std::uint32_t stream) {
  VectorXd x(n);
  zofo::normals({77, 0, 0}, stream, 0, x.data(), static_cast<std::size_t>(n));
  return x;
}
// Central differences; exact but for rounding on a quadratic.
VectorXd differences(const std::function<double(const VectorXd&)>& f, const VectorXd& x, double h = 1e-3) {
  VectorXd g(x.size());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    VectorXd plus = x, minus = x;
    plus[i] += h;
    minus[i] -= h;
    g[i] = (f(plus) - f(minus)) / (2 * h);
  }
  return g;
}
// Least-squares slope of log y against log x.
double slope(const std::vector<double>& x, const std::vector<double>& y) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = std::log(x[i]), v = std::log(y[i]);
    sx += u;
    sy += v;
    sxx += u * u;
    sxy += u * v;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}
const std::vector<double> kPenalties{1e1, 1e2, 1e3, 1e4, 1e5};

}  // namespace

TEST_CASE("gradients equal central differences", "[problems]") {
  const Quadratic q = problem();
  Quadratic writable = q;
  const VectorXd theta = point(5, 0), p = point(4, 1);
  VectorXd g;
  CHECK(writable.upper_gradient(theta, p, {}, g) == q.upper(theta, p));
  CHECK(g.isApprox(differences([&](const VectorXd& x) { return q.upper(theta, x); }, p), 1e-9));
  CHECK(writable.lower_gradient(theta, p, {}, g) == q.lower(theta, p));
  CHECK(g.isApprox(differences([&](const VectorXd& x) { return q.lower(theta, x); }, p), 1e-9));
  CHECK(q.upper_theta_gradient(theta, p).isApprox(
      differences([&](const VectorXd& x) { return q.upper(x, p); }, theta), 1e-9));
  CHECK(q.lower_theta_gradient(theta, p).isApprox(
      differences([&](const VectorXd& x) { return q.lower(x, p); }, theta), 1e-9));
  CHECK(
      q.phi_gradient(theta).isApprox(differences([&](const VectorXd& x) { return q.phi(x); }, theta), 1e-9));
}

TEST_CASE("p* and p_λ are minima", "[problems]") {
  const Quadratic q = problem();
  const VectorXd theta = point(5, 2);
  CHECK(differences([&](const VectorXd& x) { return q.lower(theta, x); }, q.lower_solution(theta)).norm() <
        1e-9);
  for (double penalty : {0.5, 10.0, 1000.0}) {
    const auto f = [&](const VectorXd& x) { return q.upper(theta, x) + penalty * q.lower(theta, x); };
    const VectorXd p = q.penalty_solution(theta, penalty);
    CHECK(differences(f, p).norm() < 1e-9 * (1 + penalty));
    for (std::uint32_t k = 0; k < 20; ++k) CHECK(f(p + 0.1 * point(4, 10 + k)) > f(p));
    CHECK(q.penalty_value(theta, penalty) == Approx(f(p)));  // G(θ, s*) = 0
  }
}

TEST_CASE("P1: the penalty's gradient tends to the hypergradient as 1/λ", "[problems]") {
  const Quadratic q = problem();
  const VectorXd theta = point(5, 3);
  const VectorXd exact = differences([&](const VectorXd& x) { return q.phi(x); }, theta);
  std::vector<double> errors;
  for (double penalty : {1e1, 1e2, 1e3, 1e4, 1e5})
    errors.push_back((q.penalty_value_gradient(theta, penalty) - q.phi_gradient(theta)).norm());
  CHECK(exact.isApprox(q.phi_gradient(theta), 1e-9));
  // At λ = 10 the next term of the series still shows; the slope is fitted where 1/λ rules.
  CHECK(slope({kPenalties.begin() + 1, kPenalties.end()}, {errors.begin() + 1, errors.end()}) ==
        Approx(-1).margin(0.05));
  CHECK(slope(kPenalties, errors) == Approx(-1).margin(0.05));
}

TEST_CASE("P2: φ − L*_λ is not negative and falls as 1/λ", "[problems]") {
  for (std::uint32_t k = 0; k < 20; ++k) {
    const Quadratic q = problem(k);
    const VectorXd theta = point(5, 40 + k);
    std::vector<double> gaps;
    for (double penalty : kPenalties) {
      gaps.push_back(q.phi(theta) - q.penalty_value(theta, penalty));
      REQUIRE(gaps.back() >= 0.0);
    }
    CHECK(slope(kPenalties, gaps) == Approx(-1).margin(0.05));
  }
}

TEST_CASE("P3: Danskin's formula equals central differences of L*_λ", "[problems]") {
  const Quadratic q = problem();
  for (std::uint32_t k = 0; k < 5; ++k) {
    const VectorXd theta = point(5, 60 + k);
    for (double penalty : {1.0, 10.0, 100.0}) {
      const auto value = [&](const VectorXd& x) { return q.penalty_value(x, penalty); };
      CHECK(q.penalty_value_gradient(theta, penalty).isApprox(differences(value, theta), 1e-6));
    }
  }
}

TEST_CASE("the spectra are the caller's and wrong shapes are named", "[problems]") {
  const Quadratic q = problem();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(q.H);
  CHECK(eigen.eigenvalues().isApprox(VectorXd::LinSpaced(4, 0.5, 5.0), 1e-9));
  Quadratic bad = q;
  bad.S.resize(2, 2);
  CHECK_THROWS_WITH(bad.check(), contains("S is 2x2: must be 5x4"));
  bad = q;
  bad.H = -bad.H;
  CHECK_THROWS_WITH(bad.check(), contains("H must be positive definite"));
  CHECK_THROWS_WITH(Quadratic{}.check(), contains("a has 0 entries: must have at least 1"));
}

TEST_CASE("the quadratic's closed forms agree with the reference", "[problems]") {
  for (std::uint32_t k = 0; k < 3; ++k) {
    const Quadratic q = problem(k);
    agreement::check_derivatives(q, point(5, 80 + k), 90 + k);
    for (const double penalty : {1.0, 100.0}) agreement::check_closed_forms(q, point(5, 80 + k), penalty);
  }
}

TEST_CASE("φ's minimiser and Hessian are those of φ", "[problems]") {
  const Quadratic q = problem();
  const VectorXd best = q.phi_minimiser();
  CHECK(differences([&](const VectorXd& x) { return q.phi(x); }, best).norm() < 1e-9);
  const auto hessian = zofo::difference_jacobian(
      [&](const VectorXd& x) -> VectorXd {
        return differences([&](const VectorXd& y) { return q.phi(y); }, x, 1e-2);
      },
      best);
  CHECK(hessian.value.isApprox(q.phi_hessian(), 1e-8));
  for (std::uint32_t k = 0; k < 10; ++k) CHECK(q.phi(best + 0.1 * point(5, 100 + k)) > q.phi(best));
  Quadratic saddle = q;
  saddle.Q = -5 * saddle.Q;
  CHECK_THROWS_WITH(saddle.phi_minimiser(), contains("Hessian of phi must be positive definite"));
}

TEST_CASE("the quadratic's constants are attained", "[problems]") {
  const Quadratic q = problem(4);
  const auto k = q.constants();
  const VectorXd theta = point(5, 120);
  const auto g = agreement::curvature(q, theta, true, point(4, 121));
  const auto f = agreement::curvature(q, theta, false, point(4, 122));
  const auto phi = agreement::phi_curvature(q, theta);
  CHECK(k.mu == Approx(g.low));
  CHECK(k.mu == Approx(0.5));
  CHECK(k.smoothness == Approx(g.high));
  CHECK(k.condition == Approx(10.0));
  CHECK(k.upper_smoothness == Approx(f.high));
  CHECK(k.phi_mu == Approx(phi.low));
  CHECK(k.phi_smoothness == Approx(phi.high));
  Quadratic plain = q;  // A = 0: φ's Hessian is Q, with tr Q = 11.25 and ‖Q‖ = 4
  plain.A.setZero();
  CHECK(plain.constants().effective_rank == Approx(11.25 / 4));
}
