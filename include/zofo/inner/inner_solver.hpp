/// @file Concept of inner solvers and the plain loop around one.
#pragma once

#include <concepts>
#include <cstdint>

#include "zofo/core/problem.hpp"
#include "zofo/core/report.hpp"
#include "zofo/inner/inner_step.hpp"

namespace zofo {

/// A policy value with `State<P>` apart from it and `step(objective, x, state) -> value at x before the
/// step`, or an InnerStep, by which a solve can end early.
template <class S, class Objective, class P>
concept InnerSolver = requires(const S& solver, Objective& objective, P& x,
                               typename S::template State<P>& state) {
  requires std::default_initializable<typename S::template State<P>>;
  { solver.step(objective, x, state) } -> std::convertible_to<double>;
};

/// How long an inner solve may take.
struct InnerBudget {
  std::uint32_t steps = 1;
  double tolerance = 0.0;  ///< gradient norm at which to stop
  /// Throws Error naming the field out of range.
  void check() const { require_in("tolerance", tolerance, 0.0, 1e300); }
};

namespace detail {

/// Steps until one sees a gradient of at most the tolerance, or the budget is spent; returns the steps taken.
/// A solver that returns a plain number takes all of them.
template <class S, class Objective, class P, class State>
std::uint32_t take_steps(const S& solver, Objective& objective, P& x, State& state, InnerBudget budget) {
  for (std::uint32_t t = 0; t < budget.steps; ++t) {
    const auto seen = solver.step(objective, x, state);
    if constexpr (requires { seen.gradient_norm; }) {
      if (seen.gradient_norm <= budget.tolerance) return t + 1;
    }
  }
  return budget.steps;
}

/// Value and gradient norm at x, in the state's memory if it has some.
template <class Objective, class P, class State>
InnerStep evaluate_with(Objective& objective, const P& x, State& state, std::uint32_t steps) {
  if constexpr (std::derived_from<State, inner::GradientState<P>>) {
    return inner::evaluate(objective, x, state);
  } else {
    inner::GradientState<P> memory{steps, {}};
    return inner::evaluate(objective, x, memory);
  }
}

}  // namespace detail

/// Steps from x until the gradient norm is at most `budget.tolerance` or `budget.steps` were taken; one more
/// gradient gives the report's value and norm at the point where it ended. The step that sees a small
/// gradient has moved x already, so the end is judged anew: `converged` always speaks of the returned x.
template <class S, class Objective, class P>
InnerReport inner_solve(const S& solver, Objective& objective, P& x, typename S::template State<P>& state,
                        InnerBudget budget) {
  static_assert(
      InnerObjective<Objective, P>,
      "zofo: the objective needs value_and_gradient(x, gradient) -> double (concept InnerObjective)");
  static_assert(InnerSolver<S, Objective, P>,
                "zofo: Inner needs State<P> and step(objective, x, state) -> double (concept InnerSolver)");
  budget.check();
  InnerReport report;
  while (true) {
    const InnerBudget left{budget.steps - report.steps, budget.tolerance};
    report.steps += detail::take_steps(solver, objective, x, state, left);
    const InnerStep end = detail::evaluate_with(objective, x, state, report.steps);
    report.value = end.value;
    report.gradient_norm = end.gradient_norm;
    report.converged = end.gradient_norm <= budget.tolerance;
    if (report.converged || report.steps == budget.steps) return report;
  }
}

}  // namespace zofo
