/// @file Gradient descent.
#pragma once

#include "zofo/core/schedule.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo::inner {

/// Options of GradientDescent.
struct GradientDescentOptions {
  Schedule rate = 0.1;  ///< 1/L contracts by 1 − μ/L a step (THEORY.md I1)
  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }
};

/// x ← x − η ∇g(x).
struct GradientDescent {
  using Options = GradientDescentOptions;
  template <class P>
  struct State : GradientState<P> {};
  Options options;

  /// One step; returns value and gradient norm before it. Throws Error, x and state as before, if they are
  /// not finite.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerStep step(Objective& objective, P& x, State<P>& state) const {
    const InnerStep seen = evaluate(objective, x, state);
    axpy(-options.rate.at(state.steps), *state.gradient, x);
    ++state.steps;
    return seen;
  }
  /// Steps until the budget ends and reports where (inner_solve).
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerReport solve(Objective& objective, P& x, State<P>& state, InnerBudget budget) const {
    return inner_solve(*this, objective, x, state, budget);
  }
};

}  // namespace zofo::inner
