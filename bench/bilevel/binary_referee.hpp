/// @file p*, φ and ∇φ of two-class logistic problems by Newton's method with half the unknowns.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <functional>
#include <utility>

#include "bilevel/any_problem.hpp"
#include "zofo/core/error.hpp"
#include "zofo/problems/rows.hpp"

namespace zofo::bench {

/// How θ enters the lower level: a weight of each example, a penalty of each feature, and their derivatives.
struct RowsAndPenalties {
  Vector rows, penalties;                    ///< Σᵢ rowsᵢ ℓᵢ(p) + ½ Σⱼ penaltiesⱼ (p₀ⱼ² + p₁ⱼ²)
  Vector rows_gradient, penalties_gradient;  ///< derivatives by θᵢ, θⱼ; empty if independent of θ
};

/// With two classes both columns of p* are opposite, p* = (−u/2, u/2): u minimises Σ rowsᵢ ln(1 + e^{−yᵢ
/// xᵢᵀu}) + ¼ Σ penaltiesⱼ uⱼ², and φ is the mean loss of the validation examples there.
class BinaryReferee {
 public:
  using Map = std::function<RowsAndPenalties(const Vector&)>;
  BinaryReferee(const problems::ClassRows& train, const problems::ClassRows& validation, Map map)
      : train_(signed_rows(train)), validation_(signed_rows(validation)), map_(std::move(map)) {
    u_ = Vector::Zero(train_.cols());
  }

  /// Solves at θ, starting from the last u; does nothing if θ is unchanged. Throws Error when Newton's method
  /// does not converge or θ gives a weight that is not finite.
  void at(const Vector& theta) {
    if (theta.size() == theta_.size() && theta == theta_) return;
    const RowsAndPenalties now = map_(theta);
    require(now.rows.allFinite() && now.penalties.allFinite(), "referee: theta is not finite");
    const Eigen::LLT<Matrix> factor = newton(now);
    const Vector margins = validation_ * u_;
    const auto n = static_cast<double>(margins.size());
    phi_ = loss(margins).mean();
    // ∇φ = −(∂²G/∂u∂θ)ᵀ H⁻¹ ∇F
    const Vector adjoint = factor.solve(-(validation_.transpose() * sigmoid(-margins)) / n);
    gradient_ =
        now.rows_gradient.size() > 0
            ? Vector(now.rows_gradient.cwiseProduct(sigmoid(-(train_ * u_))).cwiseProduct(train_ * adjoint))
            : Vector(-0.5 * now.penalties_gradient.cwiseProduct(u_).cwiseProduct(adjoint));
    theta_ = theta;
  }
  [[nodiscard]] double phi() const { return phi_; }
  [[nodiscard]] const Vector& gradient() const { return gradient_; }
  /// p* as a vector of both columns, one after the other.
  [[nodiscard]] Vector p() const {
    Vector both(2 * u_.size());
    both << -0.5 * u_, 0.5 * u_;
    return both;
  }

 private:
  static Matrix signed_rows(const problems::ClassRows& rows) {
    return (2 * rows.labels.cast<double>().array() - 1).matrix().asDiagonal() * rows.features;
  }
  static Vector sigmoid(const Vector& x) { return (1 + (-x.array()).exp()).inverse(); }
  static Vector loss(const Vector& margins) {
    return (-margins.array()).max(0.0) + (-margins.array().abs()).exp().log1p();
  }
  [[nodiscard]] double value(const RowsAndPenalties& now, const Vector& u) const {
    return now.rows.dot(loss(train_ * u)) + 0.25 * now.penalties.dot(u.cwiseAbs2());
  }
  Eigen::LLT<Matrix> newton(const RowsAndPenalties& now) {
    for (int step = 0; step < 100; ++step) {
      const Vector miss = sigmoid(-(train_ * u_));
      const Vector g =
          -(train_.transpose() * now.rows.cwiseProduct(miss)) + 0.5 * now.penalties.cwiseProduct(u_);
      const Vector curvature = now.rows.cwiseProduct(miss).cwiseProduct((1 - miss.array()).matrix());
      Matrix h = train_.transpose() * curvature.asDiagonal() * train_;
      h.diagonal() += 0.5 * now.penalties;
      const Eigen::LLT<Matrix> factor(h);
      if (g.norm() <= 1e-11) return factor;
      const Vector direction = -factor.solve(g);
      double length = 1;
      const double before = value(now, u_);
      while (length > 1e-6 && value(now, u_ + length * direction) > before + 1e-15) length *= 0.5;
      u_ += length * direction;
    }
    fail("referee: Newton's method did not converge in 100 steps");
  }

  Matrix train_, validation_;
  Map map_;
  Vector theta_, u_, gradient_;
  double phi_ = 0;
};

}  // namespace zofo::bench
