/// @file A problem at one θ as functions of flat vectors: the problem's derivatives, or differences.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "zofo/core/problem.hpp"
#include "zofo/hypergradient/finite_differences.hpp"
#include "zofo/hypergradient/second_order.hpp"

namespace zofo::detail {

/// Weights of upper·F + lower·G: (0, 1) is the lower objective, (1, λ) the objective of p_λ.
struct LevelWeights {
  double upper, lower;
};

/// Values and derivatives in flat coordinates. `error()` accumulates the estimated errors of differences
/// since it was last cleared; derivatives of the problem count as exact.
template <class Problem>
class Oracles {
 public:
  using Vector = Eigen::VectorXd;
  using Matrix = Eigen::MatrixXd;
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;

  Oracles(Problem& problem, const Theta& theta, const Adapter& shape, BatchPair samples, bool own,
          double step)
      : problem_(problem), theta_(theta), p_(shape), g_(shape), samples_(samples), own_(own), step_(step) {}

  double value(LevelWeights w, const Vector& p) { return value_at(w, theta_, p); }
  Vector gradient(LevelWeights w, const Vector& p) { return gradient_at(w, theta_, p); }

  /// ∂²/∂p², m×m.
  Matrix hessian(LevelWeights w, const Vector& p) {
    if constexpr (HasSecondOrder<Problem>) {
      if (own_) {
        unflatten(p, p_);
        Matrix h = w.lower * lower_hessian(problem_, theta_, p_, samples_.lower);
        if (w.upper != 0.0) h += w.upper * upper_hessian(problem_, theta_, p_, samples_.upper);
        return h;
      }
    }
    const auto d = difference_jacobian([&](const Vector& x) { return gradient(w, x); }, p, step_);
    error_ += d.error;
    return 0.5 * (d.value + d.value.transpose());
  }
  /// ∂²/∂p² · v by one directional difference of the gradient.
  Vector hessian_times(LevelWeights w, const Vector& p, const Vector& v) {
    const double length = v.norm();
    if (length == 0.0) return Vector::Zero(v.size());
    const Vector unit = v / length;
    const auto d = derivative([&](double t) -> Vector { return gradient(w, Vector(p + t * unit)); }, step_);
    error_ = std::max(error_, d.error);
    return length * d.value;
  }
  /// Whether `hessian` needs no differences.
  [[nodiscard]] bool has_hessian() const { return HasSecondOrder<Problem> && own_; }

  /// ∇_θ of upper·F + lower·G.
  Vector theta_gradient(LevelWeights w, const Vector& p) {
    if constexpr (HasThetaGradients<Problem>) {
      if (own_) return own_theta_gradient(w, p);
    }
    const auto d = difference_gradient(
        [&](const Vector& x) {
          Theta moved = theta_;
          unflatten(x, moved);
          return value_at(w, moved, p);
        },
        flat(theta_), step_);
    error_ += d.error;
    return d.value;
  }
  /// (∂²G/∂p∂θ)ᵀ v.
  Vector cross_transpose_times(const Vector& p, const Vector& v) {
    constexpr LevelWeights kLower{0.0, 1.0};
    if constexpr (HasSecondOrder<Problem>) {
      if (own_) {
        unflatten(p, p_);
        return lower_cross(problem_, theta_, p_, samples_.lower).transpose() * v;
      }
    }
    if constexpr (HasThetaGradients<Problem>) {
      if (own_) {
        const double length = v.norm();
        if (length == 0.0) return Vector::Zero(flat(theta_).size());
        const Vector unit = v / length;
        const auto d = derivative(
            [&](double t) -> Vector { return own_theta_gradient(kLower, Vector(p + t * unit)); }, step_);
        error_ += length * d.error;
        return length * d.value;
      }
    }
    const auto d = difference_gradient(
        [&](const Vector& x) {
          Theta moved = theta_;
          unflatten(x, moved);
          return gradient_at(kLower, moved, p).dot(v);
        },
        flat(theta_), step_);
    error_ += d.error;
    return d.value;
  }

  [[nodiscard]] double error() const { return error_; }
  void clear_error() { error_ = 0.0; }

 private:
  double value_at(LevelWeights w, const Theta& theta, const Vector& p) {
    unflatten(p, p_);
    double value = 0.0;
    if (w.upper != 0.0) value += w.upper * problem_.upper(theta, p_, samples_.upper);
    if (w.lower != 0.0) value += w.lower * problem_.lower(theta, p_, samples_.lower);
    return value;
  }
  Vector gradient_at(LevelWeights w, const Theta& theta, const Vector& p) {
    unflatten(p, p_);
    Vector sum = Vector::Zero(p.size());
    if (w.upper != 0.0) {
      problem_.upper_gradient(theta, p_, samples_.upper, g_);
      sum += w.upper * flat(g_);
    }
    if (w.lower != 0.0) {
      problem_.lower_gradient(theta, p_, samples_.lower, g_);
      sum += w.lower * flat(g_);
    }
    return sum;
  }
  Vector own_theta_gradient(LevelWeights w, const Vector& p) {
    unflatten(p, p_);
    Vector sum = Vector::Zero(flat(theta_).size());
    if (w.upper != 0.0) {
      const Theta g = upper_theta_gradient(problem_, theta_, p_, samples_.upper);
      sum += w.upper * flat(g);
    }
    if (w.lower != 0.0) {
      const Theta g = lower_theta_gradient(problem_, theta_, p_, samples_.lower);
      sum += w.lower * flat(g);
    }
    return sum;
  }
  Problem& problem_;
  const Theta& theta_;
  Adapter p_, g_;
  BatchPair samples_;
  bool own_;
  double step_;
  double error_ = 0.0;
};

}  // namespace zofo::detail
