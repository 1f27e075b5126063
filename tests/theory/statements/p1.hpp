// P1: ‖∇L*_λ(θ) − ∇φ(θ)‖ = O(1/λ).
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "theory/statements/penalised.hpp"
#include "theory/statistics.hpp"

namespace theory {

// ∇φ is the problem's closed form; ∇L*_λ is computed by the library's penalty and inner solvers. `Problem` is
// constructed from a Quadratic and may change it.
template <class Problem>
Verdict p1_with(const Effort& effort) {
  Verdict v;
  v.id = "P1";
  v.statement = "distance of the penalty's gradient from the hypergradient: of order 1/lambda";
  v.figure = {.x_label = "λ", .y_label = "‖∇L*_λ − ∇φ‖"};
  Fit worst;
  const auto problems = effort.draws<std::uint64_t>(3, 20);
  for (std::uint64_t seed = 1; seed <= problems; ++seed) {
    const Quadratic q = penalty_problem(seed);
    const Eigen::VectorXd theta = penalty_point(seed, 0), exact = q.phi_gradient(theta);
    Series s{.label = fmt::format("problem {}", seed), .x = penalties(), .y = {}, .error = {}, .slope = -1.0};
    for (const double penalty : penalties())
      s.y.push_back((Penalised(Problem{q}, penalty).danskin(theta) - exact).norm());
    const Fit fit = log_log_fit(s.x, s.y);
    if (seed == 1 || !(std::abs(fit.slope + 1.0) <= std::abs(worst.slope + 1.0))) worst = fit;
    if (seed <= 3) v.series.push_back(std::move(s));
  }
  v.add(slope_is(fmt::format("slope, the worst of {} problems", problems), -1.0, worst, 0.05, false));
  return v;
}

inline Verdict p1(const Effort& effort) { return p1_with<Quadratic>(effort); }

}  // namespace theory
