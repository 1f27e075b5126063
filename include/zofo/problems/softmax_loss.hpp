/// @file Cross-entropy of multinomial logistic regression: value, gradient and Hessian in the weights.
#pragma once

#include <Eigen/Core>
#include <cmath>

#include "zofo/core/error.hpp"

namespace zofo::problems {

/// Σᵢ wᵢ ℓᵢ(p), ℓᵢ = ln Σ_c e^{xᵢᵀp_c} − xᵢᵀp_{yᵢ}; X is n×f, y holds classes in [0, classes), w one weight
/// per example. p stacks the K columns p_c of f weights (K = classes).
///
/// Its Hessian Σᵢ wᵢ (diag(π) − ππᵀ) ⊗ xxᵀ is positive semidefinite and at most ½ Σᵢ wᵢ xᵢxᵢᵀ; adding one
/// vector to every p_c changes nothing, so it needs a penalty to be strongly convex.
struct SoftmaxLoss {
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives
  const Matrix& features;          ///< X, n×f; must outlive this object
  const Eigen::VectorXi& labels;   ///< y, n; must outlive this object
  int classes;                     ///< K

  /// ℓᵢ of every example. Throws Error unless p has features · classes entries.
  [[nodiscard]] Vector row_losses(const Vector& p) const {
    const Matrix scores = features * matrix(p);
    Vector losses(scores.rows());
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
      const double top = scores.row(i).maxCoeff();
      losses[i] = top + std::log((scores.row(i).array() - top).exp().sum()) - scores(i, labels[i]);
    }
    return losses;
  }
  /// Σᵢ wᵢ ℓᵢ.
  [[nodiscard]] double value(const Vector& weights, const Vector& p) const {
    return weights.dot(row_losses(p));
  }
  /// Σᵢ wᵢ ∇ℓᵢ.
  [[nodiscard]] Vector gradient(const Vector& weights, const Vector& p) const {
    const Matrix g = features.transpose() * (weights.asDiagonal() * slopes(p));
    return g.reshaped();
  }
  /// Column i is ∇ℓᵢ, f·K × n.
  [[nodiscard]] Matrix row_gradients(const Vector& p) const {
    const Matrix slope = slopes(p);
    const Eigen::Index f = features.cols();
    Matrix columns(f * classes, features.rows());
    for (int c = 0; c < classes; ++c)
      columns.middleRows(c * f, f) = features.transpose() * slope.col(c).asDiagonal();
    return columns;
  }
  /// Σᵢ wᵢ ∇²ℓᵢ, f·K square.
  [[nodiscard]] Matrix hessian(const Vector& weights, const Vector& p) const {
    const Matrix pi = probabilities(p);
    const Eigen::Index f = features.cols();
    Matrix h(f * classes, f * classes);
    for (int a = 0; a < classes; ++a)
      for (int b = 0; b < classes; ++b) {
        Vector curvature = -weights.cwiseProduct(pi.col(a)).cwiseProduct(pi.col(b));
        if (a == b) curvature += weights.cwiseProduct(pi.col(a));
        h.block(a * f, b * f, f, f) = features.transpose() * curvature.asDiagonal() * features;
      }
    return h;
  }
  /// The most probable class of every example.
  [[nodiscard]] Eigen::VectorXi predict(const Vector& p) const {
    const Matrix scores = features * matrix(p);
    Eigen::VectorXi best(scores.rows());
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
      Eigen::Index at = 0;
      scores.row(i).maxCoeff(&at);
      best[i] = static_cast<int>(at);
    }
    return best;
  }

 private:
  [[nodiscard]] Eigen::Map<const Matrix> matrix(const Vector& p) const {
    require(p.size() == features.cols() * classes,
            "p has {} entries: must have {} = {} features x {} classes", p.size(), features.cols() * classes,
            features.cols(), classes);
    return {p.data(), features.cols(), classes};
  }
  [[nodiscard]] Matrix probabilities(const Vector& p) const {
    Matrix pi = features * matrix(p);
    pi.colwise() -= pi.rowwise().maxCoeff().eval();
    pi = pi.array().exp();
    return pi.rowwise().sum().cwiseInverse().asDiagonal() * pi;
  }
  [[nodiscard]] Matrix slopes(const Vector& p) const {
    Matrix slope = probabilities(p);
    for (Eigen::Index i = 0; i < slope.rows(); ++i) slope(i, labels[i]) -= 1;
    return slope;
  }
};

}  // namespace zofo::problems
