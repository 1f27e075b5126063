/// @file Learning to regularise: ridge regression whose log-penalties are θ
/// (docs/results/theory/statements.md, "The analytic problems").
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/problems/constants.hpp"
#include "zofo/problems/penalty_groups.hpp"
#include "zofo/problems/rows.hpp"

namespace zofo::problems {

/// G = 1/(2n) ‖Xp − y‖² + ½ Σⱼ e^{θ_{g(j)}} pⱼ² on the training examples, F = 1/(2v) ‖X'p − y'‖² on the
/// validation examples; p ∈ R^f the weights, θ ∈ R^d the log-penalties of d groups of features.
///
/// p* and p_λ solve linear systems; ∇φ is closed form. With batch > 0, values and gradients are of `batch`
/// examples that the key samples; closed forms are of all examples.
class Ridge {
 public:
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives

  using Theta = Vector;
  using Adapter = Vector;

  /// Throws Error when a set of examples is empty, shapes do not fit, or an entry is not finite.
  Ridge(RealRows train, RealRows validation, PenaltyGroups groups, Eigen::Index batch = 0)
      : train_(std::move(train)),
        validation_(std::move(validation)),
        groups_(std::move(groups)),
        batch_(batch) {
    detail::check_rows("train", train_);
    detail::check_rows("validation", validation_);
    detail::check_same_features(train_.features, validation_.features);
    detail::check_batch(batch_);
    groups_.check(train_.features.cols());
    train_gram_ = gram(train_);
    validation_gram_ = gram(validation_);
    train_moment_ = moment(train_);
    validation_moment_ = moment(validation_);
  }

  /// F(θ, p).
  [[nodiscard]] double upper(const Vector& /*theta*/, const Vector& p, BatchKey sample = {}) const {
    return loss(validation_, p, sample, nullptr);
  }
  /// G(θ, p).
  [[nodiscard]] double lower(const Vector& theta, const Vector& p, BatchKey sample = {}) const {
    return loss(train_, p, sample, nullptr) + groups_.value(theta, p);
  }
  /// F(θ, p), and ∇_p F in g.
  double upper_gradient(const Vector& /*theta*/, const Vector& p, BatchKey sample, Vector& g) const {
    return loss(validation_, p, sample, &g);
  }
  /// G(θ, p), and ∇_p G in g.
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    const double value = loss(train_, p, sample, &g);
    g += groups_.weights(theta).cwiseProduct(p);
    return value + groups_.value(theta, p);
  }
  /// ∇_θ F = 0.
  [[nodiscard]] Vector upper_theta_gradient(const Vector& theta, const Vector& /*p*/, BatchKey = {}) const {
    return Vector::Zero(theta.size());
  }
  /// ∇_θ G: entry k is ½ e^{θ_k} Σ_{j in k} pⱼ².
  [[nodiscard]] Vector lower_theta_gradient(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return groups_.theta_gradient(theta, p);
  }
  /// ∂²G/∂p² = XᵀX/n + diag(e^{θ_{g(j)}}).
  [[nodiscard]] Matrix lower_hessian(const Vector& theta, const Vector& /*p*/, BatchKey sample = {}) const {
    Matrix hessian = batch_gram(train_, train_gram_, sample);
    hessian.diagonal() += groups_.weights(theta);
    return hessian;
  }
  /// ∂²G/∂p∂θ, f×d: entry (j, k) is e^{θ_k} pⱼ for j in group k, else 0.
  [[nodiscard]] Matrix lower_cross(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return groups_.cross(theta, p);
  }
  /// ∂²F/∂p² = X'ᵀX'/v.
  [[nodiscard]] Matrix upper_hessian(const Vector& /*theta*/, const Vector& /*p*/,
                                     BatchKey sample = {}) const {
    return batch_gram(validation_, validation_gram_, sample);
  }

  /// p*(θ) = (XᵀX/n + D)⁻¹ Xᵀy/n, D = diag(e^{θ_{g(j)}}).
  [[nodiscard]] Vector lower_solution(const Vector& theta) const {
    return full_hessian(theta).llt().solve(train_moment_);
  }
  /// p_λ(θ) = (X'ᵀX'/v + λ(XᵀX/n + D))⁻¹ (X'ᵀy'/v + λXᵀy/n).
  [[nodiscard]] Vector penalty_solution(const Vector& theta, double penalty) const {
    const Matrix hessian = validation_gram_ + penalty * full_hessian(theta);
    return hessian.llt().solve(validation_moment_ + penalty * train_moment_);
  }
  /// φ(θ) = F(θ, p*(θ)).
  [[nodiscard]] double phi(const Vector& theta) const {
    return full_loss(validation_, lower_solution(theta));
  }
  /// ∂φ/∂θ_k = −e^{θ_k} Σ_{j in k} pⱼqⱼ, q = (XᵀX/n + D)⁻¹ ∇_pF at p = p*(θ).
  [[nodiscard]] Vector phi_gradient(const Vector& theta) const {
    const auto factor = full_hessian(theta).llt();
    const Vector p = factor.solve(train_moment_);
    const Vector q = factor.solve(validation_gram_ * p - validation_moment_);
    return groups_.sums(-groups_.weights(theta).cwiseProduct(p).cwiseProduct(q));
  }
  /// L*_λ(θ) = (F + λG)(θ, p_λ) − λG(θ, s*), on all examples.
  [[nodiscard]] double penalty_value(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty), s = lower_solution(theta);
    const double gap =
        full_loss(train_, p) + groups_.value(theta, p) - full_loss(train_, s) - groups_.value(theta, s);
    return full_loss(validation_, p) + penalty * gap;
  }
  /// ∇L*_λ(θ) by Danskin's theorem (docs/results/theory, P3).
  [[nodiscard]] Vector penalty_value_gradient(const Vector& theta, double penalty) const {
    return penalty * (groups_.theta_gradient(theta, penalty_solution(theta, penalty)) -
                      groups_.theta_gradient(theta, lower_solution(theta)));
  }

  /// All log-penalties 0, all weights 0.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const {
    const Vector p = Vector::Zero(train_.features.cols());
    return {Vector::Zero(groups_.count), p, p};
  }
  /// Constants that are attained at this θ and every p.
  [[nodiscard]] Constants constants(const Vector& theta) const {
    Constants k;
    detail::set_lower(k, detail::extreme_eigenvalues(full_hessian(theta)));
    k.upper_smoothness = detail::extreme_eigenvalues(validation_gram_).high;
    return k;
  }
  /// The constants at start().theta.
  [[nodiscard]] Constants constants() const { return constants(start().theta); }
  /// The source of the problem.
  [[nodiscard]] std::string_view citation() const {
    return "Pedregosa, Hyperparameter optimization with approximate gradient, ICML 2016: penalties learnt on "
           "validation data by implicit differentiation.";
  }
  /// The training examples.
  [[nodiscard]] const RealRows& train() const { return train_; }
  /// The validation examples.
  [[nodiscard]] const RealRows& validation() const { return validation_; }
  /// The groups of features.
  [[nodiscard]] const PenaltyGroups& groups() const { return groups_; }

 private:
  static Matrix gram(const RealRows& rows) {
    return rows.features.transpose() * rows.features / static_cast<double>(rows.size());
  }
  static Vector moment(const RealRows& rows) {
    return rows.features.transpose() * rows.targets / static_cast<double>(rows.size());
  }
  [[nodiscard]] Matrix full_hessian(const Vector& theta) const {
    Matrix hessian = train_gram_;
    hessian.diagonal() += groups_.weights(theta);
    return hessian;
  }
  [[nodiscard]] Matrix batch_gram(const RealRows& rows, const Matrix& full, BatchKey sample) const {
    if (batch_ == 0) return full;
    const Vector weights = detail::row_weights(rows.size(), batch_, sample);
    return rows.features.transpose() * weights.asDiagonal() * rows.features;
  }
  static double full_loss(const RealRows& rows, const Vector& p) {
    return (rows.features * p - rows.targets).squaredNorm() / (2.0 * static_cast<double>(rows.size()));
  }
  double loss(const RealRows& rows, const Vector& p, BatchKey sample, Vector* gradient) const {
    const Vector weights = detail::row_weights(rows.size(), batch_, sample);
    const Vector residual = rows.features * p - rows.targets;
    const Vector weighted = weights.cwiseProduct(residual);
    if (gradient) *gradient = rows.features.transpose() * weighted;
    return 0.5 * weighted.dot(residual);
  }

  RealRows train_, validation_;
  PenaltyGroups groups_;
  Eigen::Index batch_;
  Matrix train_gram_, validation_gram_;
  Vector train_moment_, validation_moment_;
};

/// Options of random_ridge.
struct RidgeOptions {
  Eigen::Index train = 40;       ///< training examples
  Eigen::Index validation = 40;  ///< validation examples
  Eigen::Index features = 12;    ///< f
  Eigen::Index informative = 4;  ///< features with a true weight that is not 0
  double noise = 0.5;            ///< standard deviation of the noise of the targets
  Eigen::Index batch = 0;        ///< examples per mini-batch; 0: all
  /// Throws Error naming the field out of range.
  void check() const {
    require(train >= 1, "train = {}: must be at least 1", train);
    require(validation >= 1, "validation = {}: must be at least 1", validation);
    require(features >= 1, "features = {}: must be at least 1", features);
    require(informative >= 0 && informative <= features, "informative = {}: must be in [0, {}]", informative,
            features);
    require_in("noise", noise, 0.0, 1e9);
  }
};

/// Normal features, a sparse true weight vector, and one log-penalty per feature. The same seed gives the
/// same problem. Throws Error naming an option out of range.
[[nodiscard]] inline Ridge random_ridge(const RidgeOptions& options, std::uint64_t seed) {
  options.check();
  Eigen::VectorXd truth = detail::normal_matrix(seed, 0, options.features, 1);
  truth.tail(options.features - options.informative).setZero();
  const auto rows = [&](Eigen::Index n, std::uint32_t tensor) {
    RealRows made{detail::normal_matrix(seed, tensor, n, options.features), {}};
    made.targets = made.features * truth + options.noise * detail::normal_matrix(seed, tensor + 1, n, 1);
    return made;
  };
  return {rows(options.train, 1), rows(options.validation, 3), PenaltyGroups::per_feature(options.features),
          options.batch};
}

}  // namespace zofo::problems
