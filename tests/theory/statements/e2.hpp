// E2: with a non-zero third derivative the two-sided estimate's bias is O(ε²).
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "theory/draws.hpp"
#include "theory/statistics.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/forward.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// f = Σ wᵢ exp(xᵢ): Gaussian smoothing gives E ĝ = exp(ε²/2) ∇f, so the bias is known at every ε.
struct Exponentials {
  Eigen::ArrayXd weights = Eigen::ArrayXd::LinSpaced(5, 0.5, 1.5);
  double operator()(const Eigen::VectorXd& x) const { return (weights * x.array().exp()).sum(); }
  [[nodiscard]] Eigen::VectorXd gradient(const Eigen::VectorXd& x) const {
    return (weights * x.array().exp()).matrix();
  }
};

struct BiasCurve {
  std::vector<double> mean, mean_error;      // along ∇f, relative to ‖∇f‖
  std::vector<double> spread, spread_error;  // mean square of ĝ − ⟨∇f, z⟩z, relative to ‖∇f‖²
};

// ĝ − ⟨∇f, z⟩ z, whose mean is the bias, since E zzᵀ = I. Without the variance of the linear part a bias of
// 1e-4 is measurable.
template <class Make, class Distribution>
BiasCurve e2_curve(const Make& make, const Distribution& distribution, const std::vector<double>& epsilons,
                   std::uint32_t draws) {
  const Exponentials f;
  const Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(5, -0.4, 0.4), g = f.gradient(theta);
  BiasCurve curve;
  std::uint32_t first = 0;  // every ε has different steps, so that the points of the fit are independent
  for (const double epsilon : epsilons) {
    const auto estimator = make(epsilon);
    const Moments m = over_draws(draws, 2, [&](std::uint32_t k, Moments& part) {
      Eigen::VectorXd z = Eigen::VectorXd::Zero(5);
      distribution.add(z, zofo::probes_of(estimator, first + k).back().direction, 1.0);
      const Eigen::VectorXd rest = estimate(estimator, distribution, f, theta, first + k) - g.dot(z) * z;
      Eigen::ArrayXd row(2);
      row << rest.dot(g), rest.squaredNorm();
      part.add(row / g.squaredNorm());
    });
    first += draws;
    curve.mean.push_back(m.means()[0]);
    curve.mean_error.push_back(m.errors()[0]);
    curve.spread.push_back(std::sqrt(m.means()[1]));
    curve.spread_error.push_back(m.errors()[1] / (2.0 * curve.spread.back()));
  }
  return curve;
}

// `make_two_sided(ε)` and `make_one_sided(ε)` are the estimators under test.
template <class TwoSided, class OneSided, class Distribution>
Verdict e2_with(const TwoSided& make_two_sided, const OneSided& make_one_sided,
                const Distribution& distribution, const Effort& effort) {
  Verdict v;
  v.id = "E2";
  v.statement = "two-sided estimate: bias of order epsilon^2";
  v.figure = {.x_label = "ε", .y_label = "relative to the gradient"};
  const std::vector<double> epsilons{0.02, 0.04, 0.08, 0.16, 0.32};
  const std::uint32_t draws = effort.draws(50000U, 500000U);
  const BiasCurve two = e2_curve(make_two_sided, distribution, epsilons, draws);
  const BiasCurve one = e2_curve(make_one_sided, distribution, epsilons, draws);
  v.add(slope_is("bias, two-sided", 2.0, log_log_fit(epsilons, two.mean, two.mean_error), 0.2));
  const double exact = std::expm1(epsilons.back() * epsilons.back() / 2.0);
  v.add(mean_is("bias at eps = 0.32: exp(eps²/2) − 1", exact, two.mean.back(), two.mean_error.back(), 0.2));
  v.add(slope_is("error of one sample, two-sided", 2.0, log_log_fit(epsilons, two.spread, two.spread_error),
                 0.2));
  v.add(slope_is("error of one sample, one-sided", 1.0, log_log_fit(epsilons, one.spread, one.spread_error),
                 0.2));
  v.series.push_back({"bias, two-sided", epsilons, two.mean, two.mean_error, 2.0});
  v.series.push_back({"one sample, two-sided", epsilons, two.spread, two.spread_error, 2.0});
  v.series.push_back({"one sample, one-sided", epsilons, one.spread, one.spread_error, 1.0});
  return v;
}

inline Verdict e2(const Effort& effort) {
  const std::uint64_t seed = effort.seed;
  return e2_with([seed](double epsilon) { return zofo::Central{epsilon, 1, seed}; },
                 [seed](double epsilon) { return zofo::Forward{epsilon, 1, seed}; }, zofo::Gaussian{},
                 effort);
}

}  // namespace theory
