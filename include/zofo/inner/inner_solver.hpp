/// @file Concept of inner solvers and the plain loop around one.
#pragma once

#include <concepts>
#include <cstdint>

#include "zofo/core/problem.hpp"
#include "zofo/core/report.hpp"

namespace zofo {

/// A policy value with `State<P>` apart from it and `step(objective, x, state) -> value at x before the
/// step`.
template <class S, class Objective, class P>
concept InnerSolver = requires(const S& solver, Objective& objective, P& x,
                               typename S::template State<P>& state) {
  requires std::default_initializable<typename S::template State<P>>;
  { solver.step(objective, x, state) } -> std::convertible_to<double>;
};

/// How long an inner solve may take.
struct InnerBudget {
  std::uint32_t steps = 1;
};

/// Takes `budget.steps` steps from x, then one more gradient to report the value and gradient norm where it
/// ended.
template <class S, class Objective, class P>
InnerReport inner_solve(const S& solver, Objective& objective, P& x, typename S::template State<P>& state,
                        InnerBudget budget) {
  static_assert(
      InnerObjective<Objective, P>,
      "zofo: the objective needs value_and_gradient(x, gradient) -> double (concept InnerObjective)");
  static_assert(InnerSolver<S, Objective, P>,
                "zofo: Inner needs State<P> and step(objective, x, state) -> double (concept InnerSolver)");
  for (std::uint32_t t = 0; t < budget.steps; ++t) solver.step(objective, x, state);
  P gradient = zeros_like(x);
  const double value = objective.value_and_gradient(x, gradient);
  return {budget.steps, value, norm(gradient)};
}

}  // namespace zofo
