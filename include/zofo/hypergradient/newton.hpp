/// @file Newton's method to rounding accuracy, for reference solutions.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "zofo/core/error.hpp"
#include "zofo/hypergradient/oracles.hpp"

namespace zofo {

/// How linear systems in ∂²G/∂p² are solved.
enum class LinearSolver {
  direct,              ///< LDLᵀ of the dense Hessian
  conjugate_gradients  ///< only Hessian-vector products (Hestenes, Stiefel 1952)
};

namespace detail {

/// x with Hx = b for symmetric positive definite H, to a residual of tolerance·‖b‖ or after `most_steps`. At
/// a direction without positive curvature it returns the current x, or b in the first step.
template <class Times>
Eigen::VectorXd conjugate_gradients(const Times& times, const Eigen::VectorXd& b, double tolerance,
                                    Eigen::Index most_steps) {
  Eigen::VectorXd x = Eigen::VectorXd::Zero(b.size()), r = b, d = r;
  double rr = r.squaredNorm();
  const double enough = tolerance * tolerance * rr;
  for (Eigen::Index k = 0; k < most_steps && rr > enough; ++k) {
    const Eigen::VectorXd Hd = times(d);
    const double curvature = d.dot(Hd);
    if (!(curvature > 0)) return k == 0 ? b : x;
    const double a = rr / curvature;
    x += a * d;
    r -= a * Hd;
    const double next = r.squaredNorm();
    d = r + (next / rr) * d;
    rr = next;
  }
  return x;
}

/// x with Hx = b by conjugate gradients, restarted from the true residual, so that rounding of the recursion
/// does not limit the accuracy.
template <class Times>
Eigen::VectorXd refined_conjugate_gradients(const Times& times, const Eigen::VectorXd& b) {
  constexpr double kTolerance = 1e-10;
  const Eigen::Index most = 10 * b.size() + 20;
  Eigen::VectorXd x = conjugate_gradients(times, b, kTolerance, most);
  for (int round = 0; round < 2; ++round) {
    const Eigen::VectorXd residual = b - times(x);
    if (residual.norm() <= std::numeric_limits<double>::epsilon() * b.norm()) break;
    x += conjugate_gradients(times, residual, kTolerance, most);
  }
  return x;
}

struct NewtonEnd {
  Eigen::VectorXd p;
  double gradient_norm;
  double allowed;  ///< tolerance · scale
  std::uint32_t steps;
  bool converged;
};

/// −H⁻¹g; an H that is not positive definite is shifted until it is.
template <class Problem>
Eigen::VectorXd newton_direction(Oracles<Problem>& oracles, LevelWeights w, const Eigen::VectorXd& p,
                                 const Eigen::VectorXd& g, LinearSolver solver) {
  if (solver == LinearSolver::conjugate_gradients) {
    if (oracles.has_hessian()) {
      const Eigen::MatrixXd h = oracles.hessian(w, p);
      return -refined_conjugate_gradients([&](const Eigen::VectorXd& v) -> Eigen::VectorXd { return h * v; },
                                          g);
    }
    return -refined_conjugate_gradients(
        [&](const Eigen::VectorXd& v) { return oracles.hessian_times(w, p, v); }, g);
  }
  Eigen::MatrixXd h = oracles.hessian(w, p);
  const double size = std::max(h.diagonal().cwiseAbs().maxCoeff(), 1e-12);
  for (double shift = 0.0; shift < 1e12 * size; shift = std::max(1e-3 * size, 4 * shift)) {
    Eigen::MatrixXd shifted = h;
    shifted.diagonal().array() += shift;
    const Eigen::LLT<Eigen::MatrixXd> factor(shifted);
    if (factor.info() == Eigen::Success) return -factor.solve(g);
  }
  return -g;
}

/// Damped Newton from p until the gradient no longer decreases. Converged means ‖∇‖ ≤ tolerance·scale with
/// scale = max(weights, ‖∇ at the start‖, ‖Hp‖), the size of the terms that cancel in the gradient.
template <class Problem>
NewtonEnd newton(Oracles<Problem>& oracles, LevelWeights w, Eigen::VectorXd p, double tolerance,
                 std::uint32_t most_steps, LinearSolver solver) {
  double value = oracles.value(w, p);
  Eigen::VectorXd g = oracles.gradient(w, p);
  require(std::isfinite(value) && g.allFinite(),
          "reference: value {} and gradient norm {} at the start of Newton's method: must be finite", value,
          g.norm());
  const double at_start = std::max(w.upper + w.lower, g.norm());
  std::uint32_t steps = 0;
  for (; steps < most_steps && g.norm() > 0; ++steps) {
    const Eigen::VectorXd d = newton_direction(oracles, w, p, g, solver);
    const double slope = g.dot(d);
    // Near the minimum values of two points are equal up to rounding: compare gradient norms instead.
    const double before = g.norm();
    const bool near = std::abs(slope) <= 1e-12 * std::max(1.0, std::abs(value));
    bool moved = false;
    for (double t = 1.0; t > 1e-12 && !moved; t *= 0.5) {
      const Eigen::VectorXd next = p + t * d;
      const double next_value = oracles.value(w, next);
      const Eigen::VectorXd next_g = oracles.gradient(w, next);
      if (!std::isfinite(next_value) || !next_g.allFinite()) continue;
      moved = near ? next_g.norm() < g.norm() : next_value <= value + 1e-4 * t * slope;
      if (!moved) continue;
      p = next;
      value = next_value;
      g = next_g;
    }
    if (!moved || (near && g.norm() > 0.5 * before)) break;
  }
  const double scale = std::max(at_start, oracles.hessian_times(w, p, p).norm());
  return {p, g.norm(), tolerance * scale, steps, g.norm() <= tolerance * scale};
}

}  // namespace detail
}  // namespace zofo
