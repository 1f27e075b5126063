/// @file A lower level that is not convex but satisfies the Polyak–Łojasiewicz inequality
/// (docs/results/theory/statements.md, "The analytic problems").
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/problems/constants.hpp"
#include "zofo/problems/scan.hpp"

namespace zofo::problems {

/// g = (x+y)² + x sin²(x+y), f = cos(4y+2)/(1+e^{2−4x}) + ½ ln((4x−2)²+1); θ = x ∈ [0, 3], p = y, one entry
/// each. Batch keys are ignored. The caller must keep x in [0, 3], for example by outer::Projected; f and g
/// are defined for every x.
///
/// Written in w = x + y, g = w² + x sin²w. For x ≥ −1, g ≥ w² − sin²w ≥ 0 with equality only at w = 0, so
/// p*(x) = −x exactly. ∂g/∂y = 2w + x sin 2w vanishes elsewhere only where sin(2w)/(2w) = −1/x, which needs
/// x ≥ 1/0.2172… ≈ 4.60: on [0, 3] there is no other stationary point and g is PL in y, while
/// ∂²g/∂y² = 2 + 2x cos 2w is negative somewhere as soon as x > 1.
struct PlLower {
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives

  using Theta = Vector;
  using Adapter = Vector;
  static constexpr double kLow = 0.0;   ///< least x
  static constexpr double kHigh = 3.0;  ///< greatest x

  /// f(x, y).
  [[nodiscard]] double upper(const Vector& theta, const Vector& p, BatchKey = {}) const {
    const double u = 4 * theta[0] - 2;
    return std::cos(4 * p[0] + 2) * sigmoid(u) + 0.5 * std::log1p(u * u);
  }
  /// g(x, y).
  [[nodiscard]] double lower(const Vector& theta, const Vector& p, BatchKey = {}) const {
    const double w = theta[0] + p[0], sine = std::sin(w);
    return w * w + theta[0] * sine * sine;
  }
  /// f, and ∂f/∂y in g.
  double upper_gradient(const Vector& theta, const Vector& p, BatchKey, Vector& g) const {
    g.resize(1);
    g[0] = -4 * std::sin(4 * p[0] + 2) * sigmoid(4 * theta[0] - 2);
    return upper(theta, p);
  }
  /// g, and ∂g/∂y in g.
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey, Vector& g) const {
    const double w = theta[0] + p[0];
    g.resize(1);
    g[0] = 2 * w + theta[0] * std::sin(2 * w);
    return lower(theta, p);
  }
  /// ∂f/∂x.
  [[nodiscard]] Vector upper_theta_gradient(const Vector& theta, const Vector& p, BatchKey = {}) const {
    const double u = 4 * theta[0] - 2, s = sigmoid(u);
    return one(4 * std::cos(4 * p[0] + 2) * s * (1 - s) + 4 * u / (u * u + 1));
  }
  /// ∂g/∂x.
  [[nodiscard]] Vector lower_theta_gradient(const Vector& theta, const Vector& p, BatchKey = {}) const {
    const double w = theta[0] + p[0], sine = std::sin(w);
    return one(2 * w + sine * sine + theta[0] * std::sin(2 * w));
  }
  /// ∂²g/∂y² = 2 + 2x cos 2w.
  [[nodiscard]] Matrix lower_hessian(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return one(2 + 2 * theta[0] * std::cos(2 * (theta[0] + p[0])));
  }
  /// ∂²g/∂y∂x = 2 + sin 2w + 2x cos 2w.
  [[nodiscard]] Matrix lower_cross(const Vector& theta, const Vector& p, BatchKey = {}) const {
    const double w = theta[0] + p[0];
    return one(2 + std::sin(2 * w) + 2 * theta[0] * std::cos(2 * w));
  }
  /// ∂²f/∂y².
  [[nodiscard]] Matrix upper_hessian(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return one(-16 * std::cos(4 * p[0] + 2) * sigmoid(4 * theta[0] - 2));
  }

  /// p*(x) = −x. Throws Error for x < −1, where it is not the minimum.
  [[nodiscard]] Vector lower_solution(const Vector& theta) const {
    require(theta.size() == 1, "pl_lower: theta has {} entries: must have 1", theta.size());
    require(theta[0] >= -1, "pl_lower: theta = {}: must be at least -1 for -theta to be the minimum",
            theta[0]);
    return -theta;
  }
  /// p_λ(x): the lowest of the stationary points of f + λg in y, each to rounding. As g ≥ w² and the
  /// cosine term of f changes by at most 2σ, all candidates have w² ≤ 2σ/λ. Throws Error unless λ > 0.
  [[nodiscard]] Vector penalty_solution(const Vector& theta, double penalty) const {
    require(std::isfinite(penalty) && penalty > 0, "penalty = {}: must be finite and above 0", penalty);
    const double x = theta[0], width = std::sqrt(2 * sigmoid(4 * x - 2) / penalty) * 1.01 + 1e-12;
    const double centre = lower_solution(theta)[0];
    const auto value = [&](double w) {
      return upper(theta, one(centre + w)) + penalty * lower(theta, one(centre + w));
    };
    const auto slope = [&](double w) {
      return -4 * std::sin(4 * (centre + w) + 2) * sigmoid(4 * x - 2) +
             penalty * (2 * w + x * std::sin(2 * w));
    };
    const auto points = scan_stationary(value, slope, -width, width, 4000);
    require(!points.empty(), "penalty = {}: no stationary point of F + penalty G was found", penalty);
    return one(centre + lowest(points).x);
  }
  /// φ(x) = f(x, −x) = cos(u) σ(u) + ½ ln(u²+1), u = 4x − 2.
  [[nodiscard]] double phi(const Vector& theta) const { return upper(theta, lower_solution(theta)); }
  /// φ'(x) = 4 (−sin(u) σ(u) + cos(u) σ(u)(1−σ(u)) + u/(u²+1)).
  [[nodiscard]] Vector phi_gradient(const Vector& theta) const {
    const double u = 4 * theta[0] - 2, s = sigmoid(u);
    return one(4 * (-std::sin(u) * s + std::cos(u) * s * (1 - s) + u / (u * u + 1)));
  }
  /// L*_λ(x) = (f + λg)(x, p_λ(x)); g(x, s*) = 0.
  [[nodiscard]] double penalty_value(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty);
    return upper(theta, p) + penalty * lower(theta, p);
  }
  /// ∇L*_λ(x) by Danskin's theorem (docs/results/theory, P3), where p_λ is unique.
  [[nodiscard]] Vector penalty_value_gradient(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty);
    return upper_theta_gradient(theta, p) + penalty * lower_theta_gradient(theta, p);
  }

  /// φ's stationary points inside [0, 3], to rounding, in ascending order.
  [[nodiscard]] std::vector<StationaryPoint> stationary_points(std::size_t n = 10000) const {
    return scan_stationary([&](double x) { return phi(one(x)); },
                           [&](double x) { return phi_gradient(one(x))[0]; }, kLow, kHigh, n);
  }
  /// φ's minimum over [0, 3], ends included.
  [[nodiscard]] StationaryPoint global_minimum() const {
    auto points = stationary_points();
    for (const double x : {kLow, kHigh}) points.push_back({x, phi(one(x)), true});
    return lowest(points);
  }
  /// The largest μ with ½(∂g/∂y)² ≥ μ g for all y at this x ∈ [0, 3]; it falls with x.
  /// ½(∂g/∂y)²/g tends to 2(1+x) at w = 0 and to 2 for large |w|, where it is at least 2(1 − 2/|w|) for x ≤
  /// 3: a dense scan of w ∈ (0, 50] with golden-section refinement finds its least value.
  [[nodiscard]] static double pl_constant(double x) {
    require_in("pl_constant: x", x, kLow, kHigh);
    const auto ratio = [x](double w) {
      const double slope = 2 * w + x * std::sin(2 * w), sine = std::sin(w);
      return 0.5 * slope * slope / (w * w + x * sine * sine);
    };
    constexpr double kGrid = 1e-3;
    double best = kGrid;
    for (int i = 2; i <= 50000; ++i)
      if (ratio(i * kGrid) < ratio(best)) best = i * kGrid;
    double a = std::max(best - kGrid, 1e-6), b = best + kGrid;
    const double golden = 0.5 * (std::sqrt(5.0) - 1);
    for (int i = 0; i < 60; ++i) {
      const double c = b - golden * (b - a), e = a + golden * (b - a);
      (ratio(c) < ratio(e) ? b : a) = ratio(c) < ratio(e) ? e : c;
    }
    return std::min({ratio(0.5 * (a + b)), 2 * (1 + x), 2.0});
  }

  /// x_0 = 2.4, y_0 = s_0 = 0: in the basin of a local minimum of φ that is not the global one.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const { return {one(2.4), one(0), one(0)}; }
  /// For x ∈ [0, 3]: mu is the PL constant at x = 3, smoothness 2 + 2·3 = 8; phi_smoothness bounds |φ''|:
  /// 16 (max σ + max 2σ' + max |σ''| + 1) < 16 (1 + ½ + 0.1 + 1).
  [[nodiscard]] Constants constants() const {
    Constants k;
    k.mu = pl_constant(kHigh);
    k.smoothness = 2 + 2 * kHigh;
    k.condition = k.smoothness / k.mu;
    k.upper_smoothness = 16;
    k.phi_smoothness = 16 * 2.6;
    k.phi_mu = -k.phi_smoothness;
    k.effective_rank = 1;
    return k;
  }
  /// The source of the problem.
  [[nodiscard]] std::string_view citation() const {
    return "Shen, Chen, On penalty-based bilevel gradient descent method, ICML 2023, arXiv 2302.05185: its "
           "toy example.";
  }

 private:
  static double sigmoid(double u) { return 1 / (1 + std::exp(-u)); }
  static Vector one(double x) { return Vector::Constant(1, x); }
  static StationaryPoint lowest(const std::vector<StationaryPoint>& points) {
    return *std::min_element(points.begin(), points.end(),
                             [](const auto& a, const auto& b) { return a.value < b.value; });
  }
};

}  // namespace zofo::problems
