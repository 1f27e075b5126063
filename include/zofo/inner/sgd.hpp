/// @file Stochastic gradient descent.
#pragma once

#include <optional>

#include "zofo/core/error.hpp"
#include "zofo/inner/clip.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo::inner {

/// Options of Sgd.
struct SgdOptions {
  double rate = 0.01;
  double momentum = 0.0;      ///< weight of the previous velocity, 0 for none
  double weight_decay = 0.0;  ///< decoupled: x shrinks by rate · weight_decay a step
  double clip = 0.0;          ///< longest gradient, 0 for no limit
  /// Throws Error naming the field out of range.
  void check() const {
    require_in("rate", rate, 0.0, 1e12);
    require_in("momentum", momentum, 0.0, 0.999999);
    require_in("weight_decay", weight_decay, 0.0, 1e6);
    require_in("clip", clip, 0.0, 1e30);
  }
};

/// v ← βv + ∇g(x), x ← x − η v.
struct Sgd {
  using Options = SgdOptions;
  template <class P>
  struct State {
    std::optional<P> velocity;  ///< empty before the first step with momentum
  };
  Options options;

  /// One step; returns the value before it.
  template <VectorSpace P, InnerObjective<P> Objective>
  double step(Objective& objective, P& x, State<P>& state) const {
    P gradient = zeros_like(x);
    const double value = objective.value_and_gradient(x, gradient);
    clip_norm(options.clip, gradient);
    scale(1.0 - options.rate * options.weight_decay, x);
    if (options.momentum == 0.0) {
      axpy(-options.rate, gradient, x);
      return value;
    }
    if (!state.velocity) state.velocity = zeros_like(x);
    scale(options.momentum, *state.velocity);
    axpy(1.0, gradient, *state.velocity);
    axpy(-options.rate, *state.velocity, x);
    return value;
  }
  /// Takes the budget's steps and reports where they end.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerReport solve(Objective& objective, P& x, State<P>& state, InnerBudget budget) const {
    return inner_solve(*this, objective, x, state, budget);
  }
};

}  // namespace zofo::inner
