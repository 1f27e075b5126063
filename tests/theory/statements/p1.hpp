// P1: ‖∇L*_λ(θ) − ∇φ(θ)‖ = O(1/λ).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "theory/statements/penalised.hpp"
#include "theory/statistics.hpp"

namespace theory {

// ∇φ is the problem's closed form; ∇L*_λ comes from the library's penalty and inner solvers. `Problem` is
// made from a Quadratic and may break it.
template <class Problem>
Verdict p1_with(const Effort& effort) {
  Verdict v;
  v.id = "P1";
  v.statement = "distance of the penalty's gradient from the hypergradient: of order 1/lambda";
  v.figure = {.x_label = "λ", .y_label = "‖∇L*_λ − ∇φ‖"};
  const auto problems = effort.draws<std::uint64_t>(3, 20);
  for (std::uint64_t seed = 1; seed <= problems; ++seed) {
    const Quadratic q = penalty_problem(seed);
    const Eigen::VectorXd theta = penalty_point(seed, 0), exact = q.phi_gradient(theta);
    Series s{.label = fmt::format("problem {}", seed), .x = penalties(), .y = {}, .error = {}, .slope = -1.0};
    for (const double penalty : penalties())
      s.y.push_back((Penalised(Problem{q}, penalty).danskin(theta) - exact).norm());
    v.add(slope_is(s.label, -1.0, log_log_fit(s.x, s.y), 0.05, false));
    if (seed <= 3) v.series.push_back(std::move(s));
  }
  return v;
}

inline Verdict p1(const Effort& effort) { return p1_with<Quadratic>(effort); }

}  // namespace theory
