// P3: ∇L*_λ is the θ-gradient of L_λ at fixed p_λ and s* (Danskin): no second derivative is needed.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "theory/statements/penalised.hpp"
#include "theory/statistics.hpp"

namespace theory {

// Left: differences of L*_λ with p_λ and s* solved at every point. Right: differences with both fixed.
template <class Problem>
Verdict p3_with(const Effort& effort) {
  Verdict v;
  v.id = "P3";
  v.statement = "the penalty's gradient needs no second derivative (Danskin)";
  v.figure = {.x_label = "λ", .y_label = "relative difference of the two gradients"};
  const std::vector<double> penalties{1.0, 10.0, 100.0, 1000.0};
  std::vector<double> worst(penalties.size(), 0.0);
  const auto problems = effort.draws<std::uint64_t>(3, 20);
  for (std::uint64_t seed = 1; seed <= problems; ++seed) {
    const Quadratic q = penalty_problem(seed);
    const Eigen::VectorXd theta = penalty_point(seed, 0);
    Series s{.label = fmt::format("problem {}", seed), .x = {}, .y = {}, .error = {}};
    for (const double penalty : penalties) {
      Penalised penalised(Problem{q}, penalty);
      const Eigen::VectorXd left = penalised.total(theta), right = penalised.danskin(theta);
      s.x.push_back(penalty);
      s.y.push_back((left - right).norm() / left.norm());
    }
    for (std::size_t i = 0; i < worst.size(); ++i) worst[i] = s.y[i] <= worst[i] ? worst[i] : s.y[i];
    if (seed <= 3) v.series.push_back(std::move(s));
  }
  for (std::size_t i = 0; i < worst.size(); ++i)
    v.add(at_most(fmt::format("lambda = {:g}, the worst of {} problems", penalties[i], problems), 1e-6,
                  worst[i]));
  return v;
}

inline Verdict p3(const Effort& effort) { return p3_with<Quadratic>(effort); }

}  // namespace theory
