/// @file Start, constants and source of an analytic problem (docs/results/theory/statements.md, "The analytic
/// problems").
#pragma once

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <concepts>
#include <limits>
#include <string_view>

#include "zofo/core/problem.hpp"

namespace zofo::problems {

/// Constants of G, F and φ for rates and bounds; NaN if a problem has no such number.
///
/// They are bounds that hold at every p, and at every θ unless the problem has `constants(theta)`: then
/// `constants()` are those at `start().theta`. On the quadratic and on a task of linear meta-learning they
/// are attained.
struct Constants {
  /// The value of a constant that a problem does not have.
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double mu = kNone;                ///< μ: ∂²G/∂p² ≽ μI (strong convexity; of PlLower the PL constant)
  double smoothness = kNone;        ///< L: ‖∂²G/∂p²‖₂ ≤ L
  double condition = kNone;         ///< κ = L/μ
  double upper_smoothness = kNone;  ///< ‖∂²F/∂p²‖₂; F + λG is (upper_smoothness + λL)-smooth in p
  double phi_mu = kNone;            ///< ∇²φ ≽ phi_mu I; negative when φ is not convex
  double phi_smoothness = kNone;    ///< ℓ: ‖∇²φ‖₂ ≤ ℓ
  double effective_rank = kNone;    ///< tr(∇²φ)/‖∇²φ‖₂
};

/// The start of a run: θ_0, p_0 and s_0.
template <class ThetaType, class LowerType>
struct StartPoint {
  ThetaType theta;  ///< θ_0
  LowerType p;      ///< p_0
  LowerType s;      ///< s_0
};

/// A problem with a start, constants and a source.
template <class B>
concept AnalyticProblem = FourFunctions<B> && requires(const B& b) {
  { b.start() } -> std::same_as<StartPoint<typename B::Theta, typename B::Adapter>>;
  { b.constants() } -> std::same_as<Constants>;
  { b.citation() } -> std::convertible_to<std::string_view>;
};

namespace detail {

/// Smallest and largest eigenvalue of a symmetric matrix.
struct Extremes {
  double low, high;
};
// Templates, so that only programs that use constants compile an eigenvalue solver, which takes long.
template <class Derived>
[[nodiscard]] Extremes extreme_eigenvalues(const Eigen::MatrixBase<Derived>& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(symmetric, Eigen::EigenvaluesOnly);
  return {eigen.eigenvalues().minCoeff(), eigen.eigenvalues().maxCoeff()};
}

/// μ, L and κ of a constant lower Hessian.
inline void set_lower(Constants& constants, const Extremes& extremes) {
  constants.mu = extremes.low;
  constants.smoothness = extremes.high;
  constants.condition = extremes.high / extremes.low;
}

/// Smoothness, convexity and effective rank of φ from its constant Hessian.
template <class Derived>
void set_phi(Constants& constants, const Eigen::MatrixBase<Derived>& hessian) {
  const Extremes e = extreme_eigenvalues(hessian);
  constants.phi_mu = e.low;
  constants.phi_smoothness = std::max(e.high, -e.low);
  constants.effective_rank = hessian.trace() / constants.phi_smoothness;
}

}  // namespace detail
}  // namespace zofo::problems
