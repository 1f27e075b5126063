/// @file Nonconvex upper level over a strongly convex quadratic lower one (docs/results/theory/statements.md,
/// "The analytic problems").
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/problems/constants.hpp"
#include "zofo/problems/quadratic.hpp"
#include "zofo/problems/scan.hpp"

namespace zofo::problems {

/// A bounded term of F: Σᵢ amplitude · cos(frequency · xᵢ).
struct Cosines {
  double amplitude = 0.0;  ///< α
  double frequency = 1.0;  ///< ω, radians per unit of x

  /// The sum.
  [[nodiscard]] double value(const Eigen::VectorXd& x) const {
    return amplitude * (frequency * x.array()).cos().sum();
  }
  /// Its gradient.
  [[nodiscard]] Eigen::VectorXd gradient(const Eigen::VectorXd& x) const {
    return -amplitude * frequency * (frequency * x.array()).sin();
  }
  /// The diagonal of its Hessian, which is diagonal.
  [[nodiscard]] Eigen::VectorXd curvature(const Eigen::VectorXd& x) const {
    return -amplitude * frequency * frequency * (frequency * x.array()).cos();
  }
  /// Largest |second derivative|, αω².
  [[nodiscard]] double smoothness() const { return std::abs(amplitude) * frequency * frequency; }
};

/// G of `Quadratic`; F = F of `Quadratic` + α Σᵢ cos(ωθᵢ) + β Σⱼ cos(νpⱼ). Batch keys are ignored.
///
/// p*(θ) = Aθ + b, φ and ∇φ are closed form for every α and β; φ is not convex if αω² exceeds the least
/// eigenvalue of the quadratic part's Hessian at a maximum of the cosine. p_λ is closed form if β = 0; else
/// Newton's method computes it to rounding.
struct NonconvexUpper {
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives

  using Theta = Vector;
  using Adapter = Vector;

  Quadratic base;         ///< G, and the quadratic part of F
  Cosines theta_waves;    ///< α, ω
  Cosines adapter_waves;  ///< β, ν

  /// Throws Error when a shape of `base` is wrong or an amplitude or frequency is out of range.
  void check() const {
    base.check();
    for (const Cosines* waves : {&theta_waves, &adapter_waves}) {
      const char* frequency = waves == &theta_waves ? "theta_waves.frequency" : "adapter_waves.frequency";
      const char* amplitude = waves == &theta_waves ? "theta_waves.amplitude" : "adapter_waves.amplitude";
      require_in(amplitude, waves->amplitude, -1e9, 1e9);
      require_in(frequency, waves->frequency, 0.0, 1e9);
    }
  }

  /// F(θ, p).
  [[nodiscard]] double upper(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return base.upper(theta, p) + theta_waves.value(theta) + adapter_waves.value(p);
  }
  /// G(θ, p).
  [[nodiscard]] double lower(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return base.lower(theta, p);
  }
  /// F(θ, p), and ∇_p F in g.
  double upper_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    base.upper_gradient(theta, p, sample, g);
    g += adapter_waves.gradient(p);
    return upper(theta, p);
  }
  /// G(θ, p), and ∇_p G in g.
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    return base.lower_gradient(theta, p, sample, g);
  }
  /// ∇_θ F(θ, p).
  [[nodiscard]] Vector upper_theta_gradient(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return base.upper_theta_gradient(theta, p) + theta_waves.gradient(theta);
  }
  /// ∇_θ G(θ, p).
  [[nodiscard]] Vector lower_theta_gradient(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return base.lower_theta_gradient(theta, p);
  }
  /// ∂²G/∂p² = H.
  [[nodiscard]] Matrix lower_hessian(const Vector&, const Vector&, BatchKey = {}) const { return base.H; }
  /// ∂²G/∂p∂θ = −HA, m×d.
  [[nodiscard]] Matrix lower_cross(const Vector&, const Vector&, BatchKey = {}) const {
    return -base.H * base.A;
  }
  /// ∂²F/∂p² = R − βν² diag(cos νp).
  [[nodiscard]] Matrix upper_hessian(const Vector& /*theta*/, const Vector& p, BatchKey = {}) const {
    Matrix hessian = base.R;
    hessian.diagonal() += adapter_waves.curvature(p);
    return hessian;
  }

  /// p*(θ) = Aθ + b.
  [[nodiscard]] Vector lower_solution(const Vector& theta) const { return base.lower_solution(theta); }
  /// p_λ(θ) = argmin_p (F + λG)(θ, p). Throws Error unless λμ + λ_min(R) > |β|ν², which makes the minimum
  /// unique.
  [[nodiscard]] Vector penalty_solution(const Vector& theta, double penalty) const {
    if (adapter_waves.amplitude == 0.0) return base.penalty_solution(theta, penalty);
    const double convexity = detail::extreme_eigenvalues(base.R + penalty * base.H).low;
    require(convexity > adapter_waves.smoothness(),
            "penalty = {}: F + penalty G must be strongly convex in p: its quadratic part has convexity {}, "
            "which must exceed the waves' {}",
            penalty, convexity, adapter_waves.smoothness());
    return newton(theta, penalty);
  }
  /// φ(θ) = F(θ, p*(θ)).
  [[nodiscard]] double phi(const Vector& theta) const { return upper(theta, lower_solution(theta)); }
  /// ∇φ(θ) = ∇_θF + Aᵀ∇_pF at p*(θ).
  [[nodiscard]] Vector phi_gradient(const Vector& theta) const {
    const Vector p = lower_solution(theta);
    Vector g;
    upper_gradient(theta, p, {}, g);
    return upper_theta_gradient(theta, p) + base.A.transpose() * g;
  }
  /// ∇²φ(θ).
  [[nodiscard]] Matrix phi_hessian(const Vector& theta) const {
    Matrix hessian = base.phi_hessian();
    hessian.diagonal() += theta_waves.curvature(theta);
    const Vector bend = adapter_waves.curvature(lower_solution(theta));
    return hessian + base.A.transpose() * bend.asDiagonal() * base.A;
  }
  /// L*_λ(θ) = (F + λG)(θ, p_λ(θ)); G(θ, s*(θ)) = 0 here.
  [[nodiscard]] double penalty_value(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty);
    return upper(theta, p) + penalty * lower(theta, p);
  }
  /// ∇L*_λ(θ) by Danskin's theorem (docs/results/theory, P3); ∇_θG(θ, s*(θ)) = 0 here.
  [[nodiscard]] Vector penalty_value_gradient(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty);
    return upper_theta_gradient(theta, p) + penalty * lower_theta_gradient(theta, p);
  }

  /// φ's stationary points in [low, high] when d = 1, to rounding, in ascending order. The scan has n
  /// intervals: choose many per period of the cosines (scan_stationary). Throws Error when d is not 1.
  [[nodiscard]] std::vector<StationaryPoint> stationary_points(double low, double high,
                                                               std::size_t n = 10000) const {
    require(base.a.size() == 1, "stationary_points: theta has {} entries: must have 1", base.a.size());
    const auto at = [](double x) -> Vector { return Vector::Constant(1, x); };
    return scan_stationary([&](double x) { return phi(at(x)); },
                           [&](double x) { return phi_gradient(at(x))[0]; }, low, high, n);
  }

  /// θ_0 = 0, p_0 = s_0 = 0.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const { return base.start(); }
  /// Bounds: the cosines add ±αω² and ±βν²‖A‖² to the extreme curvatures of φ; effective_rank is that of the
  /// quadratic part.
  [[nodiscard]] Constants constants() const {
    Constants k = base.constants();
    const double spread =
        theta_waves.smoothness() +
        adapter_waves.smoothness() * detail::extreme_eigenvalues(base.A.transpose() * base.A).high;
    k.upper_smoothness += adapter_waves.smoothness();
    k.phi_mu -= spread;
    k.phi_smoothness += spread;
    return k;
  }
  /// The source of the problem.
  [[nodiscard]] std::string_view citation() const {
    return "This library's own construction: the quadratic problem with bounded cosines added to its upper "
           "level.";
  }

 private:
  // Damped Newton's method on a strongly convex function; ends when rounding prevents progress.
  [[nodiscard]] Vector newton(const Vector& theta, double penalty) const {
    const auto gradient = [&](const Vector& p) -> Vector {
      Vector g, lower;
      upper_gradient(theta, p, {}, g);
      lower_gradient(theta, p, {}, lower);
      return g + penalty * lower;
    };
    Vector p = base.penalty_solution(theta, penalty), g = gradient(p);
    for (int step = 0; step < 200 && g.norm() > 0; ++step) {
      const Matrix hessian = upper_hessian(theta, p) + penalty * base.H;
      const Vector direction = -hessian.llt().solve(g);
      // On a strongly convex function the gradient's norm falls along Newton's direction for short steps.
      double length = 1.0;
      Vector next = p + direction, next_gradient = gradient(next);
      while (next_gradient.norm() >= g.norm() && length > 1e-9) {
        length *= 0.5;
        next = p + length * direction;
        next_gradient = gradient(next);
      }
      if (next_gradient.norm() >= g.norm()) break;
      p = next;
      g = next_gradient;
    }
    const double scale = 1.0 + penalty * (base.H * p).norm() + (base.R * p).norm();
    require(g.norm() <= 1e-12 * scale,
            "penalty_solution: Newton's method stopped at a gradient of {}: must be at most {}", g.norm(),
            1e-12 * scale);
    return p;
  }
};

/// A random quadratic problem with cosine terms; the same seed gives the same problem.
[[nodiscard]] inline NonconvexUpper random_nonconvex_upper(const QuadraticSpectra& spectra,
                                                           const Cosines& theta_waves,
                                                           const Cosines& adapter_waves, std::uint64_t seed) {
  NonconvexUpper problem{random_quadratic(spectra, seed), theta_waves, adapter_waves};
  problem.check();
  return problem;
}

}  // namespace zofo::problems
