/// @file Gradient descent.
#pragma once

#include "zofo/core/error.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo::inner {

/// Options of GradientDescent.
struct GradientDescentOptions {
  double rate = 0.1;  ///< 1/L contracts by 1 − μ/L a step (THEORY.md I1)
  /// Throws Error naming the field out of range.
  void check() const { require_in("rate", rate, 0.0, 1e12); }
};

/// x ← x − η ∇g(x).
struct GradientDescent {
  using Options = GradientDescentOptions;
  template <class P>
  struct State {};
  Options options;

  /// One step; returns the value before it.
  template <VectorSpace P, InnerObjective<P> Objective>
  double step(Objective& objective, P& x, State<P>& /*state*/) const {
    P gradient = zeros_like(x);
    const double value = objective.value_and_gradient(x, gradient);
    axpy(-options.rate, gradient, x);
    return value;
  }
  /// Takes the budget's steps and reports where they end.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerReport solve(Objective& objective, P& x, State<P>& state, InnerBudget budget) const {
    return inner_solve(*this, objective, x, state, budget);
  }
};

}  // namespace zofo::inner
