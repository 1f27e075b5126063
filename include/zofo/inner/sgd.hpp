/// @file Stochastic gradient descent.
#pragma once

#include <optional>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/clip.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo::inner {

/// Options of Sgd.
struct SgdOptions {
  Schedule rate = 0.01;
  double momentum = 0.0;      ///< weight of the previous velocity, 0 for none
  double weight_decay = 0.0;  ///< decoupled: x shrinks by rate · weight_decay a step
  double clip = 0.0;          ///< longest gradient, 0 for no limit
  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("momentum", momentum, 0.0, 0.999999);
    require_in("weight_decay", weight_decay, 0.0, 1e6);
    require_in("clip", clip, 0.0, 1e30);
  }
};

/// v ← βv + ∇g(x), x ← x − η v (Robbins & Monro 1951; momentum: Polyak 1964).
struct Sgd {
  using Options = SgdOptions;
  template <class P>
  struct State : GradientState<P> {
    std::optional<P> velocity;  ///< empty before the first step with momentum
  };
  Options options;

  /// One step; returns value and gradient norm before it. Throws Error, x and state as before, if they are
  /// not finite.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerStep step(Objective& objective, P& x, State<P>& state) const {
    const InnerStep seen = evaluate(objective, x, state);
    if (options.momentum != 0.0) memory_like(x, state.velocity);
    clip_norm(options.clip, seen.gradient_norm, *state.gradient);
    const double rate = options.rate.at(state.steps);
    scale(1.0 - rate * options.weight_decay, x);
    if (options.momentum == 0.0) {
      axpy(-rate, *state.gradient, x);
    } else {
      scale(options.momentum, *state.velocity);
      axpy(1.0, *state.gradient, *state.velocity);
      axpy(-rate, *state.velocity, x);
    }
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
