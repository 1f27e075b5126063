// C5: the whole algorithm with λ ∝ 1/ε, T ∝ κ log(1/ε) and step 1/((d+4)ℓ) reaches ‖∇φ‖ ≤ ε in O(d ε⁻²)
// outer steps.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/nonconvex_upper.hpp"

namespace theory {

// G = ½(p − θ)ᵀH(p − θ), F = 12 (1 + ‖p‖²)^(−1/4): φ = F(·, θ) falls for ever and ‖∇φ‖² ∝ t^(−6/5) along its
// gradient flow, close to the worst that smoothness allows (the endless slope of C1).
struct BilevelSlope {
  using Theta = Eigen::VectorXd;
  using Adapter = Eigen::VectorXd;
  static constexpr double kHeight = 12.0;
  Eigen::VectorXd curvature;  // H's diagonal
  explicit BilevelSlope(Eigen::Index d) : curvature(Eigen::VectorXd::LinSpaced(d, 1.0, 3.0)) {}

  double upper(const Theta&, const Adapter& p, zofo::BatchKey) const {
    return kHeight * std::pow(1.0 + p.squaredNorm(), -0.25);
  }
  double lower(const Theta& theta, const Adapter& p, zofo::BatchKey) const {
    return 0.5 * (p - theta).cwiseAbs2().dot(curvature);
  }
  double upper_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey sample,
                        Adapter& gradient) const {
    gradient = phi_gradient(p);
    return upper(theta, p, sample);
  }
  double lower_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey sample,
                        Adapter& gradient) const {
    gradient = curvature.cwiseProduct(p - theta);
    return lower(theta, p, sample);
  }
  [[nodiscard]] double phi(const Theta& theta) const { return upper(theta, theta, {}); }
  [[nodiscard]] Eigen::VectorXd phi_gradient(const Theta& theta) const {
    return -0.5 * kHeight * std::pow(1.0 + theta.squaredNorm(), -1.25) * theta;
  }
};

// A problem, its start, and the constants that determine the parameters; φ(start) − inf φ ≤ `drop`.
template <class P>
struct C5Case {
  P problem;
  Eigen::VectorXd theta, p;
  double mu, smoothness, upper_smoothness, phi_smoothness, drop;
};
inline C5Case<BilevelSlope> c5_slope(Eigen::Index d) {
  const Eigen::VectorXd start = Eigen::VectorXd::Constant(d, 0.8 / std::sqrt(static_cast<double>(d)));
  const double l = 0.5 * BilevelSlope::kHeight;
  return {BilevelSlope(d), start, start, 1.0, 3.0, l, l, BilevelSlope(d).phi(start)};
}
inline C5Case<zofo::problems::NonconvexUpper> c5_waves(std::uint64_t seed) {
  const auto problem = zofo::problems::random_nonconvex_upper(
      {Eigen::VectorXd::LinSpaced(4, 0.5, 2.0), Eigen::VectorXd::LinSpaced(4, 1.0, 3.0)}, {0.3, 2.0},
      {0.1, 1.0}, seed);
  const auto k = problem.constants();
  auto start = problem.start();
  start.theta.setConstant(4.0);
  // φ is a convex quadratic and waves of at most 0.3 · 4 + 0.1 · 4 to either side.
  const double drop = problem.phi(start.theta) - problem.base.phi(problem.base.phi_minimiser()) + 1.6;
  return {problem, start.theta, start.p, k.mu, k.smoothness, k.upper_smoothness, k.phi_smoothness, drop};
}

// The algorithm's parameters for a target ε.
struct C5Parameters {
  double penalty = 0.0;
  std::uint32_t inner_steps = 1;
  double rate = 0.0;
  double most = kInfinity;  // limit of the steps, if fewer than the bound's must suffice
};
template <class P>
C5Parameters c5_parameters(const C5Case<P>& c, double epsilon) {
  const auto d = static_cast<double>(c.theta.size());
  return {4.0 * c.upper_smoothness / (c.mu * epsilon),
          static_cast<std::uint32_t>(std::ceil(c.smoothness / c.mu * (1.0 + std::log(1.0 / epsilon)))),
          1.0 / ((d + 4.0) * c.phi_smoothness)};
}
// The bound on the steps: E L*_λ decreases by ½ · rate · ‖∇L*_λ‖² a step, and ‖∇L*_λ‖ ≤ ε/2 suffices when the
// penalty's bias is at most ε/2. So K ≤ 8(d+4)ℓ (φ_0 − inf φ)/ε².
template <class P>
double c5_bound(const C5Case<P>& c, double epsilon) {
  return 8.0 * (static_cast<double>(c.theta.size()) + 4.0) * c.phi_smoothness * c.drop / (epsilon * epsilon);
}

// Outer steps until ‖∇φ(θ)‖ ≤ ε, by the closed form; NaN when the limit is reached first.
template <class P, class Distribution>
double c5_steps(C5Case<P> c, const Distribution& distribution, const C5Parameters& parameters, double epsilon,
                std::uint64_t seed) {
  using zofo::inner::GradientDescent;
  zofo::BilevelOptions options;
  options.inner_steps = parameters.inner_steps;
  options.penalty = parameters.penalty;
  options.normalize_penalty = false;
  zofo::Solver solver(
      c.problem,
      zofo::Policies{distribution, zofo::Central{1e-4, 1, seed}, zofo::outer::Sgd{parameters.rate},
                     GradientDescent{1.0 / c.smoothness},
                     GradientDescent{1.0 / (c.upper_smoothness + parameters.penalty * c.smoothness)}},
      options);
  zofo::AdapterPair<Eigen::VectorXd> pair{c.p, c.p};
  const double most = std::min(c5_bound(c, epsilon), parameters.most);
  for (std::uint32_t k = 0; k < most; ++k) {
    const double size = c.problem.phi_gradient(c.theta).norm();
    if (size <= epsilon) return k;
    if (!(size < 1e6)) return kNaN;
    try {
      solver.step(c.theta, pair);
    } catch (const zofo::Error&) {
      return kNaN;  // the run diverged
    }
  }
  return kNaN;
}

// `choose(case, ε)` gives the parameters under test.
template <class P, class Distribution, class Choose>
void c5_compare(Verdict& v, const std::string& name, const C5Case<P>& c, const Distribution& distribution,
                const Choose& choose, const Effort& effort) {
  Series steps{.label = name, .x = {}, .y = {}, .error = {}};
  Series line{.label = name + ", bound", .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true};
  double worst = 0.0;
  for (double epsilon = 1.0; epsilon >= 0.03; epsilon *= 0.5) {
    const Moments m = over_draws(effort.draws(8U, 64U), 1, [&](std::uint32_t run, Moments& part) {
      part.add(c5_steps(c, distribution, choose(c, epsilon), epsilon, effort.seed + 100 * run + 7));
    });
    steps.x.push_back(1.0 / epsilon);
    steps.y.push_back(m.mean());
    steps.error.push_back(m.error());
    line.x.push_back(1.0 / epsilon);
    line.y.push_back(c5_bound(c, epsilon));
    const double share = (m.mean() + kSigmas * m.error()) / line.y.back();
    worst = share <= worst ? worst : share;  // a NaN is kept
  }
  v.add(at_most(name + ": largest K · eps² / (8(d+4)l(phi_0 − inf phi)), upper bound", 1.0, worst));
  const Fit fit = log_log_fit(steps.x, steps.y, steps.error);
  v.add({.what = name + ": exponent of 1/eps in K, upper bound",
         .predicted = "<= 2.2",
         .measured = fit.interval.high,
         .low = fit.interval.low,
         .high = fit.interval.high,
         .allowed_low = -kInfinity,
         .allowed_high = 2.2,
         .false_alarm = normal_tail((2.2 - fit.interval.high) / fit.error)});
  v.series.push_back(std::move(steps));
  v.series.push_back(std::move(line));
}

template <class Distribution, class Choose>
Verdict c5_with(const Distribution& distribution, const Choose& choose, const Effort& effort) {
  Verdict v;
  v.id = "C5";
  v.statement = "penalty ~ 1/eps, T ~ kappa log(1/eps), step ~ 1/(d l): |grad phi| <= eps in O(d/eps²) steps";
  v.figure = {.x_label = "1/ε", .y_label = "outer steps until ‖∇φ‖ ≤ ε"};
  c5_compare(v, "waves", c5_waves(effort.seed), distribution, choose, effort);
  c5_compare(v, "endless slope", c5_slope(4), distribution, choose, effort);
  std::vector<double> x, y, error;  // against d + 4, the divisor of the step
  for (const double d : {4.0, 8.0, 16.0, 32.0}) {
    const auto c = c5_slope(static_cast<Eigen::Index>(d));
    const Moments m = over_draws(effort.draws(16U, 128U), 1, [&](std::uint32_t run, Moments& part) {
      part.add(c5_steps(c, distribution, choose(c, 0.25), 0.25,
                        effort.seed + 100 * run + static_cast<std::uint64_t>(d)));
    });
    x.push_back(d + 4.0);
    y.push_back(m.mean());
    error.push_back(m.error());
  }
  v.add(slope_is("endless slope: exponent of d + 4 in K at eps = 0.25", 1.0, log_log_fit(x, y, error), 0.2));
  return v;
}

inline Verdict c5(const Effort& effort) {
  return c5_with(
      zofo::Gaussian{}, [](const auto& c, double epsilon) { return c5_parameters(c, epsilon); }, effort);
}

}  // namespace theory
