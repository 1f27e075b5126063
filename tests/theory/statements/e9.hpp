// E9: an estimate divided by the standard deviation of its losses does not depend on the scale of f, and on a
// linear function its mean is c(q) ∇f/‖∇f‖.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "theory/draws.hpp"
#include "theory/statistics.hpp"
#include "zofo/estimate/std_normalized.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// With tᵢ = ⟨∇f, zᵢ⟩/‖∇f‖ normal and S their deviation, ⟨ĝ, ∇f⟩/‖∇f‖ = Σtᵢ²/(qS) = ((q−1) S² + q t̄²)/(qS).
// Mean and deviation of normals are independent (Cochran), so c(q) = ((q−1)/q) E S + (1/q) E(1/S).
inline double e9_length(double q) {
  const double ratio = std::exp(std::lgamma(0.5 * q) - std::lgamma(0.5 * (q - 1.0)));
  const double inverse = std::exp(std::lgamma(0.5 * (q - 2.0)) - std::lgamma(0.5 * (q - 1.0)));
  const double mean_s = std::sqrt(2.0 / (q - 1.0)) * ratio;
  const double mean_inverse = std::sqrt(0.5 * (q - 1.0)) * inverse;
  return (q - 1.0) / q * mean_s + mean_inverse / q;
}

// `make(q)` is the estimator under test.
template <class Make>
Verdict e9_with(const Make& make, const Effort& effort) {
  Verdict v;
  v.id = "E9";
  v.statement = "std-normalised: unchanged by f -> a f + b; mean c(q) grad f/|grad f| on a linear f";
  v.figure = {.x_label = "q", .y_label = "⟨E ĝ, ∇f⟩/‖∇f‖", .log_y = false};
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(8, -1.0, 2.0), theta = Eigen::VectorXd::Ones(8);
  const zofo::Gaussian distribution;
  Series measured{.label = "measured", .x = {4, 8, 16, 32}, .y = {}, .error = {}};
  Series line{.label = "c(q)", .x = measured.x, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const double q : measured.x) {
    const auto estimator = make(static_cast<std::uint32_t>(q), effort.seed + static_cast<std::uint64_t>(q));
    const auto f = [&g](const Eigen::VectorXd& x) { return 1e-3 * g.dot(x) + 2.0; };
    // Coordinates of ĝ, then its length along ∇f.
    const Moments m = over_draws(effort.draws(10000U, 200000U), 9, [&](std::uint32_t k, Moments& part) {
      Eigen::ArrayXd x(9);
      x.head(8) = estimate(estimator, distribution, f, theta, k).array();
      x[8] = x.head(8).matrix().dot(g.normalized());
      part.add(x);
    });
    Eigen::ArrayXd expected(9);
    expected.head(8) = e9_length(q) * g.normalized().array();
    expected[8] = e9_length(q);
    v.add(means_are(fmt::format("q = {:g}: mean against c(q) grad f/|grad f|", q), m, expected));
    v.add(mean_is(fmt::format("q = {:g}: length along the gradient", q), expected[8], m.means()[8],
                  m.errors()[8], 0.05));
    measured.y.push_back(m.means()[8]);
    measured.error.push_back(kSigmas * m.errors()[8]);
    line.y.push_back(expected[8]);
  }
  double change = 0.0;
  const auto bent = [&g](const Eigen::VectorXd& x) { return g.dot(x) + 0.3 * x.squaredNorm(); };
  const auto estimator = make(8, effort.seed);
  for (const double a : {1e-9, 0.1, 1e9})
    for (const double b : {0.0, -3.0}) {
      const auto changed = [&](const Eigen::VectorXd& x) { return a * (bent(x) + b); };
      for (std::uint32_t k = 0; k < 100; ++k) {
        const Eigen::VectorXd is = estimate(estimator, distribution, changed, theta, k);
        const Eigen::VectorXd was = estimate(estimator, distribution, bent, theta, k);
        const double relative = (is - was).norm() / was.norm();
        change = relative <= change ? change : relative;  // a NaN is kept
      }
    }
  // Rounding of f, 2^-53 of 20, over a difference of about ε ‖∇f‖ = 0.3.
  v.add(at_most("largest relative change under f -> a (f + b)", 1e-12, change));
  v.series = {measured, line};
  return v;
}

inline Verdict e9(const Effort& effort) {
  return e9_with([](std::uint32_t q, std::uint64_t seed) { return zofo::StdNormalized{0.1, q, seed}; },
                 effort);
}

}  // namespace theory
