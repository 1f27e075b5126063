// Zeroth-order gradient descent on a plain function, for the statements on convergence.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/random.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/outer/sgd.hpp"

namespace theory {

// θ ← θ − rate · ĝ until see(k, θ) is false; see is called before step k, k = 0, 1, … All statements on
// convergence use this loop.
template <class F, class Distribution, class Estimator, class See>
void zo_descent(const F& f, const Distribution& distribution, const Estimator& estimator, double rate,
                Eigen::VectorXd theta, const See& see) {
  const zofo::outer::Sgd outer{rate};
  zofo::outer::Sgd::State<Eigen::VectorXd> state;
  Eigen::VectorXd x = theta;
  std::vector<double> losses;
  for (std::uint32_t step = 0; see(step, static_cast<const Eigen::VectorXd&>(theta)); ++step) {
    losses.clear();
    for (const zofo::Probe& probe : zofo::probes_of(estimator, step)) {
      x = theta;
      if (probe.scale != 0.0) distribution.add(x, probe.direction, probe.scale);
      losses.push_back(f(x));
    }
    outer.apply(theta, distribution, zofo::estimate_of(estimator, step, losses), state);
  }
}

// ½ Σ hᵢ xᵢ², ℓ = max h.
struct DiagonalQuadratic {
  Eigen::VectorXd curvature;
  double operator()(const Eigen::VectorXd& x) const { return 0.5 * x.cwiseAbs2().dot(curvature); }
  [[nodiscard]] double gradient_squared(const Eigen::VectorXd& x) const {
    return x.cwiseProduct(curvature).squaredNorm();
  }
};

// Steps until done(θ), or NaN when `most` steps are not enough or θ is no longer finite.
template <class F, class Distribution, class Estimator, class Done>
double steps_until(const F& f, const Distribution& distribution, const Estimator& estimator, double rate,
                   const Eigen::VectorXd& start, std::uint32_t most, const Done& done) {
  double steps = kNaN;
  zo_descent(f, distribution, estimator, rate, start, [&](std::uint32_t k, const Eigen::VectorXd& theta) {
    if (done(theta)) steps = k;
    return std::isnan(steps) && k < most && std::isfinite(theta[0]) && theta.cwiseAbs().maxCoeff() < 1e100;
  });
  return steps;
}

// Values of a run at the steps of `grid` (increasing); NaN after it diverged.
template <class F, class Distribution, class Estimator, class Value>
Eigen::ArrayXd run_curve(const F& f, const Distribution& distribution, const Estimator& estimator,
                         double rate, const Eigen::VectorXd& start, const std::vector<double>& grid,
                         const Value& value) {
  Eigen::ArrayXd curve = Eigen::ArrayXd::Constant(static_cast<Eigen::Index>(grid.size()), kNaN);
  std::size_t next = 0;
  zo_descent(f, distribution, estimator, rate, start, [&](std::uint32_t k, const Eigen::VectorXd& theta) {
    if (!(theta.cwiseAbs().maxCoeff() < 1e100)) return false;
    if (k >= grid[next]) curve[static_cast<Eigen::Index>(next++)] = value(theta);
    return next < grid.size();
  });
  return curve;
}

}  // namespace theory
