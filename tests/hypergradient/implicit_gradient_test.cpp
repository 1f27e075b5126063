#include "zofo/hypergradient/implicit_gradient.hpp"

#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using zofo::BatchKey;
using zofo::LinearSolver;
using zofo::ReferenceOptions;
using zofo::problems::Quadratic;

namespace {

// F = ½‖p − 1‖², G = Σᵢ (¼ pᵢ⁴ + ½ pᵢ²) − θᵀp: p* solves p³ + p = θ, entry by entry. It has only values and
// p-gradients; they are counted, so that the functions are not const.
struct Quartic {
  using Theta = VectorXd;
  using Adapter = VectorXd;
  int calls = 0;
  double upper(const VectorXd&, const VectorXd& p, BatchKey) {
    ++calls;
    return 0.5 * (p.array() - 1).square().sum();
  }
  double lower(const VectorXd& theta, const VectorXd& p, BatchKey) {
    ++calls;
    return (0.25 * p.array().pow(4) + 0.5 * p.array().square()).sum() - theta.dot(p);
  }
  double upper_gradient(const VectorXd& theta, const VectorXd& p, BatchKey s, VectorXd& g) {
    g = p.array() - 1;
    return upper(theta, p, s);
  }
  double lower_gradient(const VectorXd& theta, const VectorXd& p, BatchKey s, VectorXd& g) {
    g = p.array().cube() + p.array() - theta.array();
    return lower(theta, p, s);
  }
};
// Cardano's root of p³ + p = t.
double root(double t) {
  const double s = std::sqrt(t * t / 4 + 1.0 / 27);
  return std::cbrt(t / 2 + s) + std::cbrt(t / 2 - s);
}

Quadratic quadratic() {
  return zofo::problems::random_quadratic({VectorXd::LinSpaced(4, 1, 2), VectorXd::LinSpaced(3, 1, 5)}, 1);
}
const VectorXd kTheta = VectorXd::LinSpaced(4, -1, 1), kP = VectorXd::LinSpaced(3, 0, 1);

struct WrongGradient : Quadratic {
  double lower_gradient(const VectorXd& theta, const VectorXd& p, BatchKey s, VectorXd& g) const {
    const double value = Quadratic::lower_gradient(theta, p, s, g);
    g[1] *= 1.01;
    return value;
  }
};
struct WrongCross : Quadratic {
  Matrix lower_cross(const VectorXd& theta, const VectorXd& p, BatchKey = {}) const {
    return -Quadratic::lower_cross(theta, p);
  }
};
struct WrongValue : Quadratic {
  double upper_gradient(const VectorXd& theta, const VectorXd& p, BatchKey s, VectorXd& g) const {
    return 2 * Quadratic::upper_gradient(theta, p, s, g);
  }
};
struct Transposed : Quadratic {
  Matrix lower_cross(const VectorXd& theta, const VectorXd& p, BatchKey = {}) const {
    return Quadratic::lower_cross(theta, p).transpose();
  }
};
struct WrongPhi : Quadratic {
  VectorXd phi_gradient(const VectorXd& theta) const {
    return upper_theta_gradient(theta, lower_solution(theta));
  }
};
struct NotPure : Quadratic {
  mutable double drift = 0;
  double upper(const VectorXd& theta, const VectorXd& p, BatchKey s = {}) const {
    drift += 1e-3;
    return Quadratic::upper(theta, p, s) + drift;
  }
};
struct NotFinite : Quadratic {
  double lower(const VectorXd&, const VectorXd&, BatchKey = {}) const {
    return std::numeric_limits<double>::quiet_NaN();
  }
};
template <class Problem>
std::string complaint() {
  Problem problem;
  static_cast<Quadratic&>(problem) = quadratic();
  return zofo::check_problem(problem, kTheta, kP).message();
}

// A user's own vector: two pieces in one buffer.
struct Pieces {
  std::vector<double> data{0.0, 0.0, 0.0};
};
[[maybe_unused]] void axpy(double a, const Pieces& x, Pieces& y) {
  for (std::size_t i = 0; i < 3; ++i) y.data[i] += a * x.data[i];
}
double dot(const Pieces& x, const Pieces& y) {
  return x.data[0] * y.data[0] + x.data[1] * y.data[1] + x.data[2] * y.data[2];
}
[[maybe_unused]] double norm(const Pieces& x) { return std::sqrt(dot(x, x)); }
[[maybe_unused]] void scale(double a, Pieces& x) {
  for (double& e : x.data) e *= a;
}
[[maybe_unused]] void assign(const Pieces& x, Pieces& y) { y = x; }
[[maybe_unused]] Pieces zeros_like(const Pieces&) { return {}; }
std::span<double> coordinates(Pieces& x) { return x.data; }
std::span<const double> coordinates(const Pieces& x) { return x.data; }

struct OnPieces {
  using Theta = VectorXd;
  using Adapter = Pieces;
  Quadratic q = quadratic();
  static VectorXd vector(const Pieces& p) { return Eigen::Map<const VectorXd>(p.data.data(), 3); }
  static void store(const VectorXd& g, Pieces& p) { p.data.assign(g.data(), g.data() + 3); }
  double upper(const VectorXd& theta, const Pieces& p, BatchKey s) const {
    return q.upper(theta, vector(p), s);
  }
  double lower(const VectorXd& theta, const Pieces& p, BatchKey s) const {
    return q.lower(theta, vector(p), s);
  }
  double upper_gradient(const VectorXd& theta, const Pieces& p, BatchKey s, Pieces& g) const {
    VectorXd v;
    const double value = q.upper_gradient(theta, vector(p), s, v);
    store(v, g);
    return value;
  }
  double lower_gradient(const VectorXd& theta, const Pieces& p, BatchKey s, Pieces& g) const {
    VectorXd v;
    const double value = q.lower_gradient(theta, vector(p), s, v);
    store(v, g);
    return value;
  }
};

}  // namespace

TEST_CASE("extrapolated differences reach the accuracy that they report", "[bilevel]") {
  const auto d = zofo::derivative([](double t) { return std::exp(std::sin(3 * (0.4 + t))); });
  const double exact = std::exp(std::sin(1.2)) * 3 * std::cos(1.2);
  CHECK(std::abs(d.value - exact) < 1e-11);
  CHECK(std::abs(d.value - exact) <= d.error);
  CHECK(d.error < 1e-8);
  // Plain central differences at the same step do not.
  CHECK(std::abs((std::exp(std::sin(3 * 0.43125)) - std::exp(std::sin(3 * 0.36875))) / 0.0625 - exact) >
        1e-3);
}

TEST_CASE("a problem of values and p-gradients only: p*, φ and ∇φ to 1e-12", "[bilevel]") {
  Quartic problem;
  const VectorXd theta = (VectorXd(3) << -2.0, 0.3, 5.0).finished();
  for (const auto solver : {LinearSolver::direct, LinearSolver::conjugate_gradients}) {
    ReferenceOptions options;
    options.linear_solver = solver;
    const auto r = zofo::reference(problem, theta, VectorXd::Zero(3), options);
    REQUIRE(r.converged);
    r.require_converged();
    for (Eigen::Index i = 0; i < 3; ++i) {
      const double p = root(theta[i]);
      CHECK(std::abs(r.p[i] - p) < 1e-12 * std::abs(p));
      CHECK(std::abs(r.phi_gradient[i] - (p - 1) / (3 * p * p + 1)) < 1e-12);  // dp*/dθ = 1/(3p² + 1)
    }
    CHECK(r.gradient_norm < 1e-12);
    CHECK(r.accuracy < 1e-9);
  }
  CHECK(problem.calls > 0);
}

TEST_CASE("the reference accepts a user's vector type", "[bilevel]") {
  OnPieces problem;
  const auto r = zofo::reference(problem, kTheta, Pieces{});
  REQUIRE(r.converged);
  CHECK(OnPieces::vector(r.p).isApprox(problem.q.lower_solution(kTheta), 1e-12));
  CHECK(r.phi_gradient.isApprox(problem.q.phi_gradient(kTheta), 1e-11));
  CHECK(zofo::check_problem(problem, kTheta, Pieces{}).passed());
}

TEST_CASE("a reference that did not converge reports it", "[bilevel]") {
  Quartic problem;
  ReferenceOptions options;
  options.newton_steps = 1;
  const auto short_run = zofo::reference(problem, VectorXd::Constant(2, 50.0), VectorXd::Zero(2), options);
  CHECK_FALSE(short_run.converged);
  CHECK_THROWS_WITH(short_run.require_converged(), contains("after 1 Newton steps: must be at most"));
  Quadratic flat = quadratic();
  flat.H(0, 0) = flat.H(0, 1) = flat.H(1, 0) = flat.H(0, 2) = flat.H(2, 0) = 0;
  CHECK_THROWS_WITH(zofo::reference(flat, kTheta).require_converged(), contains("Hessian is singular"));
  ReferenceOptions plain;
  plain.own_oracles = false;
  CHECK_THROWS_WITH(zofo::reference(flat, kTheta, plain).require_converged(),
                    contains("Hessian is singular"));
  NotFinite bad;
  static_cast<Quadratic&>(bad) = quadratic();
  CHECK_THROWS_WITH(zofo::reference(bad, kTheta), contains("must be finite"));
  options.tolerance = 0;
  CHECK_THROWS_WITH(zofo::reference(problem, kTheta, kP, options), contains("tolerance = 0"));
}

TEST_CASE("check_problem passes a correct problem and names wrong functions", "[bilevel]") {
  Quadratic right = quadratic();
  CHECK(zofo::check_problem(right, kTheta, kP).passed());
  CHECK(zofo::check_problem(right, kTheta, kP).findings.size() == 14);
  CHECK_THAT(complaint<WrongGradient>(), contains("lower_gradient: entry 1 is"));
  CHECK_THAT(complaint<WrongCross>(), contains("lower_cross: entry ("));
  CHECK_THAT(complaint<WrongValue>(), contains("value returned by upper_gradient: is"));
  CHECK_THAT(complaint<Transposed>(), contains("lower_cross is 4x3: must be 3x4"));
  CHECK_THAT(complaint<WrongPhi>(), contains("phi_gradient: entry"));
  CHECK_THAT(complaint<NotPure>(), contains("upper called twice on one sample"));
  CHECK_THAT(complaint<NotFinite>(), contains("lower"));
  WrongGradient wrong;
  static_cast<Quadratic&>(wrong) = quadratic();
  CHECK_THROWS_WITH(zofo::check_problem(wrong, kTheta, kP).require_passed(),
                    contains("must be at most 1e-07"));
}
