/// @file Squared-norm penalties with one learnt log-weight per group of features.
#pragma once

#include <Eigen/Core>
#include <cmath>

#include "zofo/core/error.hpp"

namespace zofo::problems {

/// ½ Σⱼ e^{θ_{g(j)}} pⱼ², with g(j) the group of feature j. For K classes p has K columns of features, which
/// use the same groups.
struct PenaltyGroups {
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives
  Eigen::VectorXi of;              ///< group of each feature, in [0, count)
  int count = 0;                   ///< d, entries of θ

  /// One log-penalty for all features.
  [[nodiscard]] static PenaltyGroups one(Eigen::Index features) {
    return {Eigen::VectorXi::Zero(features), 1};
  }
  /// A log-penalty for each feature.
  [[nodiscard]] static PenaltyGroups per_feature(Eigen::Index features) {
    const auto n = static_cast<int>(features);
    return {Eigen::VectorXi::LinSpaced(features, 0, n - 1), n};
  }
  /// Throws Error unless there is a group in [0, count) for each of the features.
  void check(Eigen::Index features) const {
    require(of.size() == features, "groups.of has {} entries: must have {}, one per feature", of.size(),
            features);
    require(count >= 1, "groups.count = {}: must be at least 1", count);
    for (Eigen::Index j = 0; j < of.size(); ++j)
      require(of[j] >= 0 && of[j] < count, "groups.of[{}] = {}: must be in [0, {})", j, of[j], count);
  }

  /// e^{θ_{g(j)}} of each feature, repeated for `columns` classes. Throws Error unless θ has `count`
  /// entries.
  [[nodiscard]] Vector weights(const Vector& theta, Eigen::Index columns = 1) const {
    require(theta.size() == count, "theta has {} entries: must have {}, one per group", theta.size(), count);
    Vector w(of.size() * columns);
    for (Eigen::Index i = 0; i < w.size(); ++i) w[i] = std::exp(theta[group(i)]);
    return w;
  }
  /// Sum of x over each group, d entries.
  [[nodiscard]] Vector sums(const Vector& x) const {
    Vector total = Vector::Zero(count);
    for (Eigen::Index i = 0; i < x.size(); ++i) total[group(i)] += x[i];
    return total;
  }
  /// ½ Σ e^θ p².
  [[nodiscard]] double value(const Vector& theta, const Vector& p) const {
    return 0.5 * weights(theta, columns(p)).dot(p.cwiseAbs2());
  }
  /// Its gradient in θ.
  [[nodiscard]] Vector theta_gradient(const Vector& theta, const Vector& p) const {
    return 0.5 * sums(weights(theta, columns(p)).cwiseProduct(p.cwiseAbs2()));
  }
  /// ∂²/∂p∂θ, |p|×d.
  [[nodiscard]] Matrix cross(const Vector& theta, const Vector& p) const {
    Matrix c = Matrix::Zero(p.size(), count);
    const Vector w = weights(theta, columns(p));
    for (Eigen::Index i = 0; i < p.size(); ++i) c(i, group(i)) = w[i] * p[i];
    return c;
  }

 private:
  [[nodiscard]] Eigen::Index columns(const Vector& p) const { return p.size() / of.size(); }
  [[nodiscard]] int group(Eigen::Index i) const { return of[i % of.size()]; }
};

}  // namespace zofo::problems
