// C7: the variance of the outer estimate is (d + 1) ‖∇_θL_λ(θ, p, s)‖² where L_λ is quadratic in θ, so the
// inner loop lowers it where, and only where, it lowers that gradient.
#pragma once

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "theory/statements/adapted.hpp"
#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

struct C7Point {
  Eigen::VectorXd theta, p, s;
};
// A problem whose G and F are both at most `smoothness`-smooth in p.
struct C7Problem {
  zofo::problems::Quadratic problem;
  double smoothness;
};
// ∇_θL_λ in closed form.
inline Eigen::VectorXd c7_gradient(const zofo::problems::Quadratic& q, const C7Point& x, double penalty) {
  return q.upper_theta_gradient(x.theta, x.p) +
         penalty * (q.lower_theta_gradient(x.theta, x.p) - q.lower_theta_gradient(x.theta, x.s));
}
// The point after T inner steps of the library with θ fixed.
inline C7Point c7_solved(const C7Problem& model, C7Point x, double penalty, std::uint32_t inner_steps) {
  if (inner_steps == 0) return x;
  zofo::problems::Quadratic problem = model.problem;
  zofo::Solver solver(
      problem,
      zofo::Policies{zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{},
                     zofo::inner::GradientDescent{1.0 / model.smoothness},
                     zofo::inner::GradientDescent{1.0 / (model.smoothness * (1.0 + penalty))}},
      {.inner_steps = inner_steps, .penalty = penalty, .normalize_penalty = false, .move_backbone = false});
  zofo::AdapterPair<Eigen::VectorXd> pair{x.p, x.s};
  solver.step(x.theta, pair);
  return {x.theta, pair.upper, pair.lower};
}
// ‖ĝ − ∇_θL_λ‖² of the solver's steps with θ fixed. Two points have the same seeds, so that samples are
// paired.
template <class Distribution>
std::vector<double> c7_squares(const C7Problem& model, const Distribution& distribution, C7Point x,
                               double penalty, std::uint32_t draws, std::uint64_t seed) {
  zofo::problems::Quadratic problem = model.problem;
  zofo::Solver solver(problem,
                      zofo::Policies{distribution, zofo::Central{1e-2, 1, seed}, zofo::outer::Sgd{0.0},
                                     zofo::inner::GradientDescent{}},
                      {.penalty = penalty, .train_upper = false, .train_lower = false});
  const Eigen::VectorXd mean = c7_gradient(problem, x, penalty);
  Eigen::VectorXd estimated(mean.size());
  zofo::AdapterPair<Eigen::VectorXd> pair{x.p, x.s};
  std::vector<double> squares;
  for (std::uint32_t k = 0; k < draws; ++k) {
    const zofo::ZoTerm term = solver.step(x.theta, pair).gradient.terms.at(0);
    estimated.setZero();
    distribution.add(estimated, term.direction, term.coefficient);
    squares.push_back((estimated - mean).squaredNorm());
  }
  return squares;
}

// Ratio of the means of paired numbers, its standard error by the delta method, and the predicted ratio.
struct C7Ratio {
  double ratio = kNaN, error = kNaN, predicted = kNaN;
};
inline C7Ratio ratio_of_means(const std::vector<double>& a, const std::vector<double>& b) {
  Moments of_a, of_b, rest;
  for (const double x : a) of_a.add(x);
  for (const double x : b) of_b.add(x);
  const double ratio = of_a.mean() / of_b.mean();
  for (std::size_t i = 0; i < a.size(); ++i) rest.add(a[i] - ratio * b[i]);
  return {ratio, rest.error() / of_b.mean(), kNaN};
}

// The effect of the inner loop at one point.
template <class Distribution>
C7Ratio c7_ratio(Verdict& v, const std::string& where, const C7Problem& model,
                 const Distribution& distribution, const C7Point& start, double penalty,
                 std::uint32_t inner_steps, const Effort& effort) {
  const std::uint32_t draws = effort.draws(20000U, 300000U);
  const std::uint64_t seed = effort.seed + static_cast<std::uint64_t>(penalty);
  const C7Point before = start, after = c7_solved(model, start, penalty, inner_steps);
  const auto a = c7_squares(model, distribution, after, penalty, draws, seed);
  const auto b = c7_squares(model, distribution, before, penalty, draws, seed);
  C7Ratio r = ratio_of_means(a, b);
  // At the exact solutions, not where the inner loop ended: that it ends there is part of the statement.
  const zofo::problems::Quadratic& q = model.problem;
  const C7Point exact{start.theta, q.penalty_solution(start.theta, penalty), q.lower_solution(start.theta)};
  const double of_a = c7_gradient(q, exact, penalty).squaredNorm(),
               of_b = c7_gradient(q, before, penalty).squaredNorm();
  r.predicted = of_a / of_b;
  Moments m;
  for (const double x : b) m.add(x / (of_b * static_cast<double>(start.theta.size() + 1)));
  v.add(mean_is(where + ": Var / ((d+1) |grad_theta L|²) at the start", 1.0, m.mean(), m.error(), 0.15));
  v.add(mean_is(where + ": ratio of variances", r.predicted, r.ratio, r.error, 0.25));
  return r;
}

template <class Distribution>
Verdict c7_with(const Distribution& distribution, std::uint32_t inner_steps, const Effort& effort) {
  Verdict v;
  v.id = "C7";
  v.statement =
      "Var of the estimate is (d+1)|grad_theta L(theta,p,s)|²; the inner loop lowers it where it lowers that";
  v.figure = {.x_label = "λ", .y_label = "Var ĝ after the inner loop / before"};
  const AdaptedModel adapted = adapted_model(10.0, 0, effort.seed);
  const C7Problem model{adapted.problem, adapted.lower_smoothness};
  const auto zero = model.problem.start();
  // 1: at the start p = s = 0, where the adapters do not yet reduce the residual.
  const C7Ratio at_start =
      c7_ratio(v, "start", model, distribution, {zero.theta, zero.p, zero.s}, 10.0, inner_steps, effort);
  v.add({.what = "start: ratio, upper end",
         .predicted = "< 1",
         .measured = at_start.ratio + kSigmas * at_start.error,
         .low = at_start.ratio - kSigmas * at_start.error,
         .high = at_start.ratio + kSigmas * at_start.error,
         .allowed_low = 0.0,
         .allowed_high = 1.0,
         .false_alarm = normal_tail((1.0 - at_start.ratio) / at_start.error)});
  // 2: near the minimum of F(·, p_0) the variance is small already, and the inner loop raises it if the
  // minimiser of G differs from p_0.
  const C7Problem unrelated{zofo::problems::random_quadratic({Eigen::VectorXd::LinSpaced(6, 1.0, 3.0),
                                                              Eigen::VectorXd::LinSpaced(4, 1.0, 2.0), 1.0},
                                                             effort.seed),
                            2.0};
  const zofo::problems::Quadratic& q = unrelated.problem;
  const auto other = q.start();
  const Eigen::VectorXd fitted = q.Q.ldlt().solve(q.Q * q.a - q.S * other.p);
  const C7Ratio fixed =
      c7_ratio(v, "0.1 from argmin F(., p_0)", unrelated, distribution,
               {(fitted.array() + 0.1).matrix(), other.p, other.s}, 10.0, inner_steps, effort);
  v.add({.what = "0.1 from argmin F(., p_0): ratio, lower end",
         .predicted = "> 1",
         .measured = fixed.ratio - kSigmas * fixed.error,
         .low = fixed.ratio - kSigmas * fixed.error,
         .high = fixed.ratio + kSigmas * fixed.error,
         .allowed_low = 1.0,
         .allowed_high = kInfinity,
         .false_alarm = normal_tail((fixed.ratio - 1.0) / fixed.error)});
  // 3: p and s apart: before the inner loop λ(∇_θG(p) − ∇_θG(s)) is in the variance, λ² times as large.
  Series apart{.label = "p and s apart", .x = {30, 100, 300, 1000}, .y = {}, .error = {}, .slope = -2.0};
  Series together{.label = "p = s", .x = apart.x, .y = {}, .error = {}};
  Verdict unused;
  for (const double penalty : apart.x) {
    const Eigen::VectorXd p = Eigen::VectorXd::Ones(zero.p.size());
    const C7Ratio r = c7_ratio(v, fmt::format("p and s apart, penalty {:g}", penalty), model, distribution,
                               {zero.theta, p, -p}, penalty, inner_steps, effort);
    apart.y.push_back(r.ratio);
    apart.error.push_back(r.error);
    const C7Ratio t =
        c7_ratio(unused, "", model, distribution, {zero.theta, zero.p, zero.s}, penalty, inner_steps, effort);
    together.y.push_back(t.ratio);
    together.error.push_back(t.error);
  }
  v.add(slope_is("p and s apart: ratio against the penalty", -2.0, log_log_fit(apart.x, apart.y, apart.error),
                 0.2));
  v.series = {apart, together};
  return v;
}

inline Verdict c7(const Effort& effort) { return c7_with(zofo::Gaussian{}, 60, effort); }

}  // namespace theory
