/// @file Data hyper-cleaning: θ weighs training examples, of which some have a wrong label
/// (docs/results/theory/statements.md, "The analytic problems").
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/problems/constants.hpp"
#include "zofo/problems/logistic.hpp"
#include "zofo/problems/rows.hpp"
#include "zofo/problems/softmax_loss.hpp"

namespace zofo::problems {

/// G = (1/n) Σᵢ σ(θᵢ) ℓᵢ(p) + ½μ‖p‖² over the noisy training examples, F = mean of ℓ over clean validation
/// examples;
/// ℓ the cross-entropy, p ∈ R^{f·K} the weights of K classes, θ ∈ R^n.
///
/// No closed form: p*, p_λ and ∇φ come from `reference` (hypergradient/implicit_gradient.hpp). φ's infimum
/// may be at infinite θᵢ (of an example that only harms): bound θ by a box, or compare ranks (`auc`), not θ.
/// With batch > 0, values and derivatives are of `batch` examples that the key samples.
class HyperCleaning {
 public:
  using Vector = Eigen::VectorXd;  ///< of θ, p and gradients
  using Matrix = Eigen::MatrixXd;  ///< of data and second derivatives

  using Theta = Vector;
  using Adapter = Vector;

  /// Throws Error when a set of examples is empty, shapes do not fit, a label is out of range, an entry is
  /// not finite or `ridge` (μ) is not positive.
  HyperCleaning(ClassRows train, ClassRows validation, int classes, double ridge, Eigen::Index batch = 0)
      : train_(std::move(train)),
        validation_(std::move(validation)),
        classes_(classes),
        ridge_(ridge),
        batch_(batch) {
    detail::check_rows("train", train_, classes_);
    detail::check_rows("validation", validation_, classes_);
    detail::check_same_features(train_.features, validation_.features);
    detail::check_batch(batch_);
    require(std::isfinite(ridge_) && ridge_ > 0, "ridge = {}: must be finite and above 0", ridge_);
  }

  /// F(θ, p).
  [[nodiscard]] double upper(const Vector& /*theta*/, const Vector& p, BatchKey sample = {}) const {
    return loss(validation_).value(draws(validation_, sample), p);
  }
  /// G(θ, p).
  [[nodiscard]] double lower(const Vector& theta, const Vector& p, BatchKey sample = {}) const {
    return loss(train_).value(weighed(theta, sample), p) + 0.5 * ridge_ * p.squaredNorm();
  }
  /// F(θ, p), and ∇_p F in g.
  double upper_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    g = loss(validation_).gradient(draws(validation_, sample), p);
    return upper(theta, p, sample);
  }
  /// G(θ, p), and ∇_p G in g.
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    g = loss(train_).gradient(weighed(theta, sample), p) + ridge_ * p;
    return lower(theta, p, sample);
  }
  /// ∇_θ F = 0.
  [[nodiscard]] Vector upper_theta_gradient(const Vector& theta, const Vector& /*p*/, BatchKey = {}) const {
    return Vector::Zero(theta.size());
  }
  /// ∇_θ G: entry i is σ'(θᵢ) ℓᵢ(p)/n.
  [[nodiscard]] Vector lower_theta_gradient(const Vector& theta, const Vector& p,
                                            BatchKey sample = {}) const {
    return slope(theta, sample).cwiseProduct(loss(train_).row_losses(p));
  }
  /// ∂²G/∂p².
  [[nodiscard]] Matrix lower_hessian(const Vector& theta, const Vector& p, BatchKey sample = {}) const {
    Matrix hessian = loss(train_).hessian(weighed(theta, sample), p);
    hessian.diagonal().array() += ridge_;
    return hessian;
  }
  /// ∂²G/∂p∂θ, f·K × n: column i is σ'(θᵢ) ∇ℓᵢ(p)/n.
  [[nodiscard]] Matrix lower_cross(const Vector& theta, const Vector& p, BatchKey sample = {}) const {
    return loss(train_).row_gradients(p) * slope(theta, sample).asDiagonal();
  }
  /// ∂²F/∂p².
  [[nodiscard]] Matrix upper_hessian(const Vector& /*theta*/, const Vector& p, BatchKey sample = {}) const {
    return loss(validation_).hessian(draws(validation_, sample), p);
  }

  /// θ_0 = 0 (every example weighs ½), all weights 0.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const {
    const Vector p = Vector::Zero(train_.features.cols() * classes_);
    return {Vector::Zero(train_.size()), p, p};
  }
  /// Bounds at every θ and p, on all examples: mu = μ, L = ½‖XᵀX/n‖₂ + μ.
  [[nodiscard]] Constants constants() const {
    Constants k;
    detail::set_lower(k, {ridge_, ridge_ + bound(train_)});
    k.upper_smoothness = bound(validation_);
    return k;
  }
  /// The source of the problem.
  [[nodiscard]] std::string_view citation() const {
    return "Franceschi, Donini, Frasconi, Pontil, Forward and reverse gradient-based hyperparameter "
           "optimization, ICML 2017: data hyper-cleaning.";
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
  static Vector sigmoid(const Vector& theta) { return (1 + (-theta.array()).exp()).inverse(); }
  [[nodiscard]] SoftmaxLoss loss(const ClassRows& rows) const {
    return {rows.features, rows.labels, classes_};
  }
  [[nodiscard]] Vector draws(const ClassRows& rows, BatchKey sample) const {
    return detail::row_weights(rows.size(), batch_, sample);
  }
  void check_theta(const Vector& theta) const {
    require(theta.size() == train_.size(), "theta has {} entries: must have {}, one per training example",
            theta.size(), train_.size());
  }
  [[nodiscard]] Vector weighed(const Vector& theta, BatchKey sample) const {
    check_theta(theta);
    return draws(train_, sample).cwiseProduct(sigmoid(theta));
  }
  [[nodiscard]] Vector slope(const Vector& theta, BatchKey sample) const {
    check_theta(theta);
    const Vector s = sigmoid(theta);
    return draws(train_, sample).cwiseProduct(s).cwiseProduct((1 - s.array()).matrix());
  }
  static double bound(const ClassRows& rows) {
    const Matrix gram = rows.features.transpose() * rows.features / static_cast<double>(rows.size());
    return 0.5 * detail::extreme_eigenvalues(gram).high;
  }

  ClassRows train_, validation_;
  int classes_;
  double ridge_;
  Eigen::Index batch_;
};

/// The probability that a clean example weighs more than a corrupted one (area under the ROC curve, ties
/// count half): 1 if every corrupted example is ranked last, ½ for random weights. Throws Error when the
/// lengths differ, a weight is NaN, or there are no clean or no corrupted examples.
[[nodiscard]] inline double auc(const Eigen::VectorXd& weights, const std::vector<bool>& corrupted) {
  const auto n = corrupted.size();
  require(static_cast<std::size_t>(weights.size()) == n, "auc: {} weights, {} rows: must be as many",
          weights.size(), n);
  require(!weights.hasNaN(), "auc: a weight is NaN: all must be numbers");
  std::vector<Eigen::Index> order(n);
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return weights[a] < weights[b]; });
  double wins = 0, bad = 0, good = 0;
  for (std::size_t i = 0; i < n;) {
    double tied_bad = 0, tied_good = 0;
    const double weight = weights[order[i]];
    for (; i < n && weights[order[i]] == weight; ++i)
      (corrupted[static_cast<std::size_t>(order[i])] ? tied_bad : tied_good) += 1;
    wins += tied_good * (bad + 0.5 * tied_bad);
    bad += tied_bad;
    good += tied_good;
  }
  require(bad > 0 && good > 0, "auc: {} corrupted and {} clean rows: must have at least 1 of each", bad,
          good);
  return wins / (bad * good);
}

/// Gives each example a wrong class with probability `rate`, all wrong classes equally likely; returns which
/// examples were changed.
/// Throws Error when `rate` is outside [0, 1].
[[nodiscard]] inline std::vector<bool> corrupt_labels(ClassRows& rows, int classes, double rate,
                                                      std::uint64_t seed) {
  require_in("corruption rate", rate, 0.0, 1.0);
  detail::check_rows("rows", rows, classes);
  std::vector<bool> corrupted;
  std::vector<double> u(2 * static_cast<std::size_t>(rows.size()));
  uniforms(Direction{masked_seed(seed, SeedMask::rows), 0, 0}, stream_number(RowStream::corrupted_labels), 0,
           u.data(), u.size());
  for (Eigen::Index i = 0; i < rows.size(); ++i) {
    const auto k = 2 * static_cast<std::size_t>(i);
    corrupted.push_back(u[k] < rate);
    if (!corrupted.back()) continue;
    const int shift = 1 + std::min(static_cast<int>(u[k + 1] * (classes - 1)), classes - 2);
    rows.labels[i] = (rows.labels[i] + shift) % classes;
  }
  return corrupted;
}

/// Options of random_hyper_cleaning. With few validation examples and a small ridge the weights overfit: φ
/// still falls while the AUC falls too.
struct HyperCleaningOptions {
  Eigen::Index train = 100;       ///< training examples
  Eigen::Index validation = 300;  ///< validation examples
  Eigen::Index features = 6;      ///< f, without the constant column that is added
  int classes = 2;                ///< K
  double corruption_rate = 0.3;   ///< probability of a wrong class of a training example
  double sharpness = 10.0;        ///< size of the true weights: larger separates the classes better
  double ridge = 0.1;             ///< μ
  Eigen::Index batch = 0;         ///< examples per mini-batch; 0: all
  /// Throws Error naming the field out of range.
  void check() const {
    require(train >= 1, "train = {}: must be at least 1", train);
    require(validation >= 1, "validation = {}: must be at least 1", validation);
    require(features >= 1, "features = {}: must be at least 1", features);
    require(classes >= 2, "classes = {}: must be at least 2", classes);
    require_in("corruption_rate", corruption_rate, 0.0, 1.0);
    require_in("sharpness", sharpness, 0.0, 1e6);
  }
};

/// A generated problem, and which of its training examples have a wrong class.
struct CorruptedProblem {
  HyperCleaning problem;        ///< with corrupted training labels
  std::vector<bool> corrupted;  ///< of each training example: whether its class is wrong
};

/// Examples with classes from a softmax of true weights, some of which are then corrupted. The same seed
/// gives the same problem. Throws Error naming an option out of range.
[[nodiscard]] inline CorruptedProblem random_hyper_cleaning(const HyperCleaningOptions& options,
                                                            std::uint64_t seed) {
  options.check();
  const Eigen::MatrixXd truth =
      options.sharpness * detail::normal_matrix(seed, 0, options.features, options.classes);
  const auto rows = [&](Eigen::Index n, std::uint32_t tensor) {
    ClassRows made = detail::softmax_rows(seed, tensor, n, truth);
    made.features.conservativeResize(Eigen::NoChange, options.features + 1);
    made.features.rightCols(1).setOnes();
    return made;
  };
  ClassRows train = rows(options.train, 1);
  std::vector<bool> corrupted = corrupt_labels(train, options.classes, options.corruption_rate, seed);
  return {{std::move(train), rows(options.validation, 3), options.classes, options.ridge, options.batch},
          std::move(corrupted)};
}

}  // namespace zofo::problems
