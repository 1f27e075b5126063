/// @file Reference values of p*, p_λ, φ and ∇φ by Newton's method and implicit differentiation.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "zofo/core/error.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/hypergradient/check_problem.hpp"
#include "zofo/hypergradient/newton.hpp"
#include "zofo/hypergradient/oracles.hpp"
#include "zofo/hypergradient/second_order.hpp"

namespace zofo {

/// Options of reference().
struct ReferenceOptions {
  /// How systems in ∂²G/∂p² are solved. Choose conjugate_gradients for adapters of many coordinates: it forms
  /// no dense Hessian unless the problem has one.
  LinearSolver linear_solver = LinearSolver::direct;
  /// Largest accepted gradient norm at p* and p_λ relative to the scale of the gradient's terms, 10⁻¹⁵ to 1.
  /// Raise it for functions that are computed in float.
  double tolerance = 1e-12;
  /// Largest number of Newton steps of each minimisation, at least 1.
  std::uint32_t newton_steps = 200;
  /// true: use the second derivatives and θ-gradients of the problem if it has them. false: use differences
  /// of upper, lower and their p-gradients, to check the problem's derivatives.
  bool own_oracles = true;
  /// Widest step of the extrapolated differences, 10⁻⁸ to 1. Lower it if the functions change on a smaller
  /// scale.
  double difference_step = kDifferenceStep;
  /// λ, 10⁻¹² to 10¹²; if set, the result also contains p_λ, L*_λ and ∇L*_λ.
  std::optional<double> penalty;
  /// The mini-batches of D_f and D_g.
  BatchPair samples;
  /// Throws Error naming the field out of range.
  void check() const {
    require_in("tolerance", tolerance, 1e-15, 1.0);
    require(newton_steps >= 1, "newton_steps = {}: must be at least 1", newton_steps);
    require_in("difference_step", difference_step, 1e-8, 1.0);
    if (penalty) require_in("penalty", *penalty, 1e-12, 1e12);
  }
};

/// The result of reference() at one θ.
template <class Theta, class Adapter>
struct ReferenceSolution {
  Adapter p;                                    ///< p*(θ)
  double phi;                                   ///< φ(θ)
  Theta phi_gradient;                           ///< ∇φ(θ)
  std::optional<Adapter> penalty_solution;      ///< p_λ(θ), if a penalty is set
  std::optional<double> penalty_value;          ///< L*_λ(θ), if a penalty is set
  std::optional<Theta> penalty_value_gradient;  ///< ∇L*_λ(θ) by Danskin's theorem, if a penalty is set
  bool converged;              ///< both Newton runs ended within tolerance and ∂²G/∂p² is regular
  double gradient_norm;        ///< the larger of ‖∇_pG(θ, p*)‖ and ‖∇_p(F + λG)(θ, p_λ)‖/(1 + λ)
  double accuracy;             ///< first-order estimate of the norm of the error of ∇φ
  std::uint32_t newton_steps;  ///< Newton steps of both minimisations
  std::string message;         ///< why it did not converge; empty if it did

  /// Throws Error with `message` unless converged.
  void require_converged() const { require(converged, "{}", message); }
};

namespace detail {

struct Adjoint {
  Eigen::VectorXd v;
  double inverse_norm;  ///< of H⁻¹, estimated
  bool regular;
};

/// v = (∂²G/∂p²)⁻¹ b.
template <class Problem>
Adjoint solve_adjoint(Oracles<Problem>& oracles, const Eigen::VectorXd& p, const Eigen::VectorXd& b,
                      LinearSolver solver) {
  constexpr LevelWeights kLower{0.0, 1.0};
  Adjoint result{Eigen::VectorXd::Zero(b.size()), 0.0, true};
  if (solver == LinearSolver::direct) {
    const Eigen::LDLT<Eigen::MatrixXd> factor(oracles.hessian(kLower, p));
    const double least = factor.vectorD().cwiseAbs().minCoeff();
    // By differences a curvature of zero appears as large as their error.
    const double noise = 10 * oracles.error();
    result.regular = factor.rcond() > 1e-14 && least > noise;
    if (result.regular) result.v = factor.solve(b);
    result.inverse_norm = 1 / least;
    return result;
  }
  Eigen::MatrixXd h;
  if (oracles.has_hessian()) h = oracles.hessian(kLower, p);
  const auto times = [&](const Eigen::VectorXd& x) -> Eigen::VectorXd {
    return oracles.has_hessian() ? Eigen::VectorXd(h * x) : oracles.hessian_times(kLower, p, x);
  };
  result.v = refined_conjugate_gradients(times, b);
  result.regular = b.norm() == 0 || (b - times(result.v)).norm() <= 1e-8 * b.norm();
  result.inverse_norm = b.norm() > 0 ? result.v.norm() / b.norm() : 0.0;
  return result;
}

}  // namespace detail

/// Computes the reference at θ; the Newton method starts at p0:
///   p* = argmin_p G by damped Newton (line search, shifted where G is not convex; a local minimum if G has
///   many); ∇φ = ∇_θF − (∂²G/∂p∂θ)ᵀ v, (∂²G/∂p²) v = ∇_pF at p* (implicit function theorem); p_λ = argmin_p
///   (F + λG) by the same Newton from p*, and ∇L*_λ by Danskin's theorem, when λ is given.
///
/// Second derivatives and θ-gradients are the problem's own (concepts HasSecondOrder, HasThetaGradients) or
/// extrapolated central differences of its p-gradients and values (finite_differences.hpp), accurate to about
/// 1e-12 of their scale where the functions are smooth on the scale of `difference_step`. `accuracy`
/// estimates how these errors, and the remaining gradient at p*, propagate through the linear system to ∇φ.
///
/// If it did not converge, `converged` is false and `message` has the reason. Throws Error when an option is
/// out of range or G is not finite at p0. Changes neither θ nor the problem.
template <class Problem>
[[nodiscard]] auto reference(Problem& problem, const typename Problem::Theta& theta,
                             const typename Problem::Adapter& p0, const ReferenceOptions& options = {}) {
  static_assert(FourFunctions<std::remove_const_t<Problem>>,
                "zofo: Problem needs Theta, Adapter, upper, lower, upper_gradient, lower_gradient "
                "(concept FourFunctions)");
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  static_assert(
      DoubleCoordinates<Theta> && DoubleCoordinates<Adapter>,
      "zofo: the reference needs doubles in Theta and Adapter: coordinates(x), or for_each_tensor(x, f), "
      "(concept DoubleCoordinates)");
  options.check();
  constexpr detail::LevelWeights kLower{0.0, 1.0}, kUpper{1.0, 0.0};
  const bool own = options.own_oracles;
  detail::Oracles<Problem> oracles(problem, theta, p0, options.samples, own, options.difference_step);

  const auto end = detail::newton(oracles, kLower, detail::flat(p0), options.tolerance, options.newton_steps,
                                  options.linear_solver);
  ReferenceSolution<Theta, Adapter> result{};
  result.p = p0;
  result.phi_gradient = theta;
  detail::unflatten(end.p, result.p);
  result.phi = oracles.value(kUpper, end.p);
  result.newton_steps = end.steps;
  result.gradient_norm = end.gradient_norm;
  result.converged = end.converged;
  if (!end.converged)
    result.message = fmt::format(
        "reference: the lower level's gradient has norm {:.3g} after {} Newton steps: must be at most {:.3g}",
        end.gradient_norm, end.steps, end.allowed);

  oracles.clear_error();
  const Eigen::VectorXd upper_gradient = oracles.gradient(kUpper, end.p);
  const auto adjoint = detail::solve_adjoint(oracles, end.p, upper_gradient, options.linear_solver);
  const double hessian_error = oracles.error();
  if (!adjoint.regular && result.converged) {
    result.converged = false;
    result.message = "reference: the lower level's Hessian is singular at its minimum: must be regular";
  }
  oracles.clear_error();
  const Eigen::VectorXd direct = oracles.theta_gradient(kUpper, end.p);
  const Eigen::VectorXd indirect = oracles.cross_transpose_times(end.p, adjoint.v);
  detail::unflatten(direct - indirect, result.phi_gradient);
  const double rounding = std::numeric_limits<double>::epsilon() * (direct.norm() + indirect.norm());
  result.accuracy =
      oracles.error() + rounding +
      adjoint.inverse_norm * (hessian_error + end.gradient_norm + rounding) * (1 + indirect.norm());

  if (options.penalty) {
    const double lambda = *options.penalty;
    const detail::LevelWeights both{1.0, lambda};
    const auto upper_end =
        detail::newton(oracles, both, end.p, options.tolerance, options.newton_steps, options.linear_solver);
    result.penalty_solution = p0;
    detail::unflatten(upper_end.p, *result.penalty_solution);
    // Subtract before multiplying by λ: the small difference would be lost to rounding.
    result.penalty_value = oracles.value(kUpper, upper_end.p) +
                           lambda * (oracles.value(kLower, upper_end.p) - oracles.value(kLower, end.p));
    result.penalty_value_gradient = theta;
    const Eigen::VectorXd difference =
        oracles.theta_gradient(kLower, upper_end.p) - oracles.theta_gradient(kLower, end.p);
    detail::unflatten(oracles.theta_gradient(kUpper, upper_end.p) + lambda * difference,
                      *result.penalty_value_gradient);
    result.newton_steps += upper_end.steps;
    result.gradient_norm = std::max(result.gradient_norm, upper_end.gradient_norm / (1 + lambda));
    if (!upper_end.converged && result.converged) {
      result.converged = false;
      result.message = fmt::format(
          "reference: the gradient of F + {} G has norm {:.3g} after {} Newton steps: must be at most {:.3g}",
          lambda, upper_end.gradient_norm, upper_end.steps, upper_end.allowed);
    }
  }
  return result;
}

/// The same; the Newton method starts at the problem's start().
template <class Problem>
[[nodiscard]] auto reference(Problem& problem, const typename Problem::Theta& theta,
                             const ReferenceOptions& options = {})
  requires requires { problem.start().p; }
{
  return reference(problem, theta, problem.start().p, options);
}

}  // namespace zofo
