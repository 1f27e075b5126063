// P2: 0 ≤ φ(θ) − L*_λ(θ) = O(1/λ).
#pragma once

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "theory/statements/penalised.hpp"
#include "theory/statistics.hpp"

namespace theory {

// The exponent, the sign at every θ and λ, and the constant: λ (φ − L*) → ½ ∇_pFᵀ H⁻¹ ∇_pF at p*(θ).
template <class Problem>
Verdict p2_with(const Effort& effort) {
  Verdict v;
  v.id = "P2";
  v.statement = "value lost by the penalty: non-negative and of order 1/lambda";
  v.figure = {.x_label = "λ", .y_label = "φ − L*_λ"};
  const Quadratic q = penalty_problem(2);
  double lowest = kInfinity;
  const auto samples = effort.draws<std::uint32_t>(10, 200);
  for (std::uint32_t sample = 0; sample < samples; ++sample) {
    const Eigen::VectorXd theta = penalty_point(2, sample), p = q.lower_solution(theta);
    Series s{.label = fmt::format("θ {}", sample + 1), .x = penalties(), .y = {}, .error = {}, .slope = -1.0};
    for (const double penalty : penalties()) {
      s.y.push_back(q.phi(theta) - Penalised(Problem{q}, penalty).value(theta));
      lowest = std::isnan(s.y.back()) ? kNaN : std::min(lowest, s.y.back());
    }
    if (sample >= 3) continue;
    v.add(slope_is(s.label, -1.0, log_log_fit(s.x, s.y), 0.05, false));
    const Eigen::VectorXd g = q.R * (p - q.c) + q.S.transpose() * theta;
    const double constant = 0.5 * g.dot(q.H.llt().solve(g)), measured = s.y.back() * s.x.back();
    v.add(at_most(s.label + ": |λ(φ − L*) / constant − 1|", 1e-3, std::abs(measured / constant - 1.0)));
    v.series.push_back(std::move(s));
  }
  v.add(at_least(fmt::format("smallest φ − L* over {} θ", samples), 0.0, lowest));
  return v;
}

inline Verdict p2(const Effort& effort) { return p2_with<Quadratic>(effort); }

}  // namespace theory
