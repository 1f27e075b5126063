// I2: to a fixed accuracy Nesterov's method needs O(√κ log 1/ε) steps, gradient descent O(κ log 1/ε).
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "theory/statements/i1.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/nesterov.hpp"

namespace theory {

// Steps until ‖s − s*‖ stays at or below 1e-8 ‖s_0 − s*‖: an accelerated method may leave that ball again.
// `excess` becomes the largest g(s_k) − g* over its bound, where `bound` (a function of k) is given.
template <class Solver, class Bound>
double i2_steps(const Solver& solver, const Conditioned& objective, double condition, const Bound& bound,
                double& excess) {
  typename Solver::template State<Eigen::VectorXd> state;
  Eigen::VectorXd x = objective.start, gradient;
  zofo::Memory<Eigen::VectorXd> memory;
  const double target = 1e-8 * (x - objective.solution).norm();
  const int most = static_cast<int>(100.0 * condition) + 200;
  int above = 0;
  for (int k = 0; k <= most; ++k) {
    const double distance = (x - objective.solution).norm();
    if (!(distance < 1e100)) return kNaN;
    if (distance > target) above = k + 1;
    if (k > 2 * above + 20) return above;
    const double value = objective.value_and_gradient(x, gradient), allowed = bound(k);
    if (allowed > 1e-20) excess = std::max(excess, value / allowed);
    zofo::inner::inner_step(solver, objective, x, state, memory);
  }
  return kNaN;
}

// `accelerated(κ)` and `plain(κ)` are the solvers under test; L = 1, μ = 1/κ.
template <class MakeAccelerated, class MakePlain>
Verdict i2_with(const MakeAccelerated& accelerated, const MakePlain& plain, const Effort& effort) {
  Verdict v;
  v.id = "I2";
  v.statement = "steps to a fixed accuracy: Nesterov sqrt(kappa), gradient descent kappa";
  v.figure = {.x_label = "κ", .y_label = "steps until ‖s − s*‖ ≤ 1e-8 ‖s₀ − s*‖"};
  std::vector<double> conditions{30, 100, 300, 1000, 3000};
  if (effort.full) conditions.insert(conditions.end(), {10000, 30000});
  Series fast{.label = "Nesterov", .x = conditions, .y = {}, .error = {}, .slope = 0.5};
  Series slow{.label = "gradient descent", .x = conditions, .y = {}, .error = {}, .slope = 1.0};
  double excess = 0.0, unused = 0.0;
  for (const double condition : conditions) {
    const Conditioned objective(condition, effort.seed);
    Eigen::VectorXd gradient;
    const double first = objective.value_and_gradient(objective.start, gradient) +
                         0.5 / condition * (objective.start - objective.solution).squaredNorm();
    const auto bound = [&](int k) { return first * std::pow(1.0 - 1.0 / std::sqrt(condition), k); };
    fast.y.push_back(i2_steps(accelerated(condition), objective, condition, bound, excess));
    slow.y.push_back(i2_steps(plain(condition), objective, condition, [](int) { return 0.0; }, unused));
  }
  v.add(slope_is("Nesterov: exponent in kappa", 0.5, log_log_fit(fast.x, fast.y), 0.1, false));
  v.add(slope_is("gradient descent: exponent in kappa", 1.0, log_log_fit(slow.x, slow.y), 0.1, false));
  v.add(at_most("Nesterov: largest (g(s_k) − g*) / ((1 − 1/sqrt(kappa))^k (g(s_0) − g* + mu/2 |s_0 − s*|²))",
                1.0, excess));
  v.series = {fast, slow};
  return v;
}

inline Verdict i2(const Effort& effort) {
  return i2_with(
      [](double condition) {
        return zofo::inner::Nesterov{.rate = 1.0, .strong_convexity = 1.0 / condition};
      },
      [](double) { return zofo::inner::GradientDescent{.rate = 1.0}; }, effort);
}

}  // namespace theory
