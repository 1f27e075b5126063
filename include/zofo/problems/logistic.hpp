/// @file Learning to regularise: multinomial logistic regression whose log-penalties are θ
/// (docs/results/theory/statements.md, "The analytic problems").
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/problems/constants.hpp"
#include "zofo/problems/penalty_groups.hpp"
#include "zofo/problems/rows.hpp"
#include "zofo/problems/softmax_loss.hpp"

namespace zofo::problems {

/// G = mean cross-entropy of the training examples + ½ Σ e^{θ_{g(j)}} p²; F = mean cross-entropy of the
/// validation examples; p ∈ R^{f·K} the weights of K classes, θ ∈ R^d the log-penalties of d groups of
/// features (shared by the classes).
///
/// No closed form: p*, p_λ and ∇φ come from `reference` (hypergradient/implicit_gradient.hpp). With batch >
/// 0, values and derivatives are of `batch` examples that the key samples.
class Logistic {
 public:
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives

  using Theta = Vector;
  using Adapter = Vector;

  /// Throws Error when a set of examples is empty, shapes do not fit, a label is out of range or an entry is
  /// not finite.
  Logistic(ClassRows train, ClassRows validation, int classes, PenaltyGroups groups, Eigen::Index batch = 0)
      : train_(std::move(train)),
        validation_(std::move(validation)),
        classes_(classes),
        groups_(std::move(groups)),
        batch_(batch) {
    detail::check_rows("train", train_, classes_);
    detail::check_rows("validation", validation_, classes_);
    detail::check_same_features(train_.features, validation_.features);
    detail::check_batch(batch_);
    groups_.check(train_.features.cols());
  }

  /// F(θ, p).
  [[nodiscard]] double upper(const Vector& /*theta*/, const Vector& p, BatchKey sample = {}) const {
    return loss(validation_).value(weights(validation_, sample), p);
  }
  /// G(θ, p).
  [[nodiscard]] double lower(const Vector& theta, const Vector& p, BatchKey sample = {}) const {
    return loss(train_).value(weights(train_, sample), p) + groups_.value(theta, p);
  }
  /// F(θ, p), and ∇_p F in g.
  double upper_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    g = loss(validation_).gradient(weights(validation_, sample), p);
    return upper(theta, p, sample);
  }
  /// G(θ, p), and ∇_p G in g.
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    g = loss(train_).gradient(weights(train_, sample), p) + groups_.weights(theta, classes_).cwiseProduct(p);
    return lower(theta, p, sample);
  }
  /// ∇_θ F = 0.
  [[nodiscard]] Vector upper_theta_gradient(const Vector& theta, const Vector& /*p*/, BatchKey = {}) const {
    return Vector::Zero(theta.size());
  }
  /// ∇_θ G: entry k is ½ e^{θ_k} Σ p² over group k.
  [[nodiscard]] Vector lower_theta_gradient(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return groups_.theta_gradient(theta, p);
  }
  /// ∂²G/∂p².
  [[nodiscard]] Matrix lower_hessian(const Vector& theta, const Vector& p, BatchKey sample = {}) const {
    Matrix hessian = loss(train_).hessian(weights(train_, sample), p);
    hessian.diagonal() += groups_.weights(theta, classes_);
    return hessian;
  }
  /// ∂²G/∂p∂θ, f·K × d.
  [[nodiscard]] Matrix lower_cross(const Vector& theta, const Vector& p, BatchKey = {}) const {
    return groups_.cross(theta, p);
  }
  /// ∂²F/∂p².
  [[nodiscard]] Matrix upper_hessian(const Vector& /*theta*/, const Vector& p, BatchKey sample = {}) const {
    return loss(validation_).hessian(weights(validation_, sample), p);
  }

  /// All log-penalties 0, all weights 0.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const {
    const Vector p = Vector::Zero(train_.features.cols() * classes_);
    return {Vector::Zero(groups_.count), p, p};
  }
  /// Bounds at this θ and every p, on all examples: μ = min e^θ (attained if all penalties are equal),
  /// L = ½‖XᵀX/n‖₂ + max e^θ.
  [[nodiscard]] Constants constants(const Vector& theta) const {
    const Vector penalties = groups_.weights(theta);
    Constants k;
    detail::set_lower(k, {penalties.minCoeff(), bound(train_) + penalties.maxCoeff()});
    k.upper_smoothness = bound(validation_);
    return k;
  }
  /// The bounds at start().theta.
  [[nodiscard]] Constants constants() const { return constants(start().theta); }
  /// The source of the problem.
  [[nodiscard]] std::string_view citation() const {
    return "Pedregosa, Hyperparameter optimization with approximate gradient, ICML 2016: the penalty of "
           "logistic regression learnt on validation data.";
  }
  /// Share of the examples `rows` that the weights p classify correctly.
  [[nodiscard]] double accuracy(const ClassRows& rows, const Vector& p) const {
    return (loss(rows).predict(p).array() == rows.labels.array()).cast<double>().mean();
  }
  /// The training examples.
  [[nodiscard]] const ClassRows& train() const { return train_; }
  /// The validation examples.
  [[nodiscard]] const ClassRows& validation() const { return validation_; }
  /// K, the number of classes.
  [[nodiscard]] int classes() const { return classes_; }

 private:
  [[nodiscard]] SoftmaxLoss loss(const ClassRows& rows) const {
    return {rows.features, rows.labels, classes_};
  }
  [[nodiscard]] Vector weights(const ClassRows& rows, BatchKey sample) const {
    return detail::row_weights(rows.size(), batch_, sample);
  }
  static double bound(const ClassRows& rows) {
    const Matrix gram = rows.features.transpose() * rows.features / static_cast<double>(rows.size());
    return 0.5 * detail::extreme_eigenvalues(gram).high;
  }

  ClassRows train_, validation_;
  int classes_;
  PenaltyGroups groups_;
  Eigen::Index batch_;
};

/// Options of random_logistic.
struct LogisticOptions {
  Eigen::Index train = 60;       ///< training examples
  Eigen::Index validation = 60;  ///< validation examples
  Eigen::Index features = 8;     ///< f
  int classes = 3;               ///< K
  double sharpness = 1.0;        ///< size of the true weights: larger separates the classes better
  Eigen::Index batch = 0;        ///< examples per mini-batch; 0: all
  /// Throws Error naming the field out of range.
  void check() const {
    require(train >= 1, "train = {}: must be at least 1", train);
    require(validation >= 1, "validation = {}: must be at least 1", validation);
    require(features >= 1, "features = {}: must be at least 1", features);
    require(classes >= 2, "classes = {}: must be at least 2", classes);
    require_in("sharpness", sharpness, 0.0, 1e6);
  }
};

namespace detail {

/// Normal features, and classes sampled from the softmax of true weights (by the Gumbel trick).
[[nodiscard]] inline ClassRows softmax_rows(std::uint64_t seed, std::uint32_t tensor, Eigen::Index n,
                                            const Eigen::MatrixXd& truth) {
  ClassRows rows{normal_matrix(seed, tensor, n, truth.rows()), Eigen::VectorXi(n)};
  Eigen::MatrixXd u(n, truth.cols());
  uniforms(Direction{seed, 0, 0}, tensor + 1, 0, u.data(), static_cast<std::size_t>(u.size()));
  const Eigen::MatrixXd scores = rows.features * truth - (-u.array().log()).log().matrix();
  for (Eigen::Index i = 0; i < n; ++i) {
    Eigen::Index best = 0;
    scores.row(i).maxCoeff(&best);
    rows.labels[i] = static_cast<int>(best);
  }
  return rows;
}

}  // namespace detail

/// Examples with classes from a softmax of true weights, and one log-penalty per feature. The same seed gives
/// the same problem. Throws Error naming an option out of range.
[[nodiscard]] inline Logistic random_logistic(const LogisticOptions& options, std::uint64_t seed) {
  options.check();
  const Eigen::MatrixXd truth =
      options.sharpness * detail::normal_matrix(seed, 0, options.features, options.classes);
  return {detail::softmax_rows(seed, 1, options.train, truth),
          detail::softmax_rows(seed, 3, options.validation, truth), options.classes,
          PenaltyGroups::per_feature(options.features), options.batch};
}

}  // namespace zofo::problems
