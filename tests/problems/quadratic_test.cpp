#include "zofo/problems/quadratic.hpp"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <cmath>
#include <functional>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/problem.hpp"

using Eigen::VectorXd;
using zofo::problems::Quadratic;
static_assert(zofo::BilevelProblem<Quadratic> && zofo::HasExactInner<Quadratic> &&
              zofo::HasHypergradient<Quadratic>);

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

TEST_CASE("p* and p_λ are the minima they claim to be", "[problems]") {
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
}
