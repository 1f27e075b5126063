// Means of many zeroth-order estimates with their standard errors.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/estimate/estimator.hpp"

namespace statistics {

// The estimate of step k as a vector; `f` is evaluated at probes of its own vector.
template <class Estimator, class Distribution, class F>
Eigen::VectorXd estimate(const Estimator& estimator, const Distribution& distribution, const F& f,
                         const Eigen::VectorXd& theta, std::uint32_t step) {
  std::vector<double> losses;
  for (const zofo::Probe& probe : zofo::probes_of(estimator, step)) {
    Eigen::VectorXd x = theta;
    distribution.add(x, probe.direction, probe.scale);
    losses.push_back(f(x));
  }
  Eigen::VectorXd g = Eigen::VectorXd::Zero(theta.size());
  for (const zofo::ZoTerm& term : zofo::estimate_of(estimator, step, losses).terms)
    distribution.add(g, term.direction, term.coefficient);
  return g;
}

// Running mean and variance of vectors.
struct Mean {
  explicit Mean(Eigen::Index d) : sum(Eigen::VectorXd::Zero(d)), squares(Eigen::VectorXd::Zero(d)) {}
  void add(const Eigen::VectorXd& x) {
    sum += x;
    squares += x.cwiseAbs2();
    count += 1.0;
  }
  // Largest |mean − expected| over the coordinates, in standard errors.
  [[nodiscard]] double deviation(const Eigen::VectorXd& expected) const {
    double worst = 0.0;
    for (Eigen::Index i = 0; i < sum.size(); ++i) {
      const double mean = sum[i] / count;
      const double error = std::sqrt(std::max(squares[i] / count - mean * mean, 1e-30) / count);
      worst = std::max(worst, std::abs(mean - expected[i]) / error);
    }
    return worst;
  }
  Eigen::VectorXd sum, squares;
  double count = 0.0;
};

// E1: how far the mean of `samples` estimates is from `expected`.
template <class Estimator, class Distribution, class F>
double mean_deviation(const Estimator& estimator, const Distribution& distribution, const F& f,
                      const Eigen::VectorXd& theta, const Eigen::VectorXd& expected, std::uint32_t samples) {
  Mean mean(theta.size());
  for (std::uint32_t k = 0; k < samples; ++k) mean.add(estimate(estimator, distribution, f, theta, k));
  return mean.deviation(expected);
}

// E3, E4: how far the mean of ‖ĝ‖²/‖∇f‖² is from `factor`, for the linear f with gradient g.
template <class Estimator, class Distribution>
double moment_deviation(const Estimator& estimator, const Distribution& distribution,
                        const Eigen::VectorXd& g, double factor, std::uint32_t samples) {
  const auto f = [&g](const Eigen::VectorXd& x) { return g.dot(x); };
  const Eigen::VectorXd theta = Eigen::VectorXd::Zero(g.size());
  Mean mean(1);
  for (std::uint32_t k = 0; k < samples; ++k) {
    const double ratio = estimate(estimator, distribution, f, theta, k).squaredNorm() / g.squaredNorm();
    mean.add(Eigen::VectorXd::Constant(1, ratio));
  }
  return mean.deviation(Eigen::VectorXd::Constant(1, factor));
}

}  // namespace statistics
