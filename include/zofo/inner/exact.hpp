/// @file The minimum in one step, where it is known in closed form.
#pragma once

#include <cmath>

#include "zofo/core/error.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo {

/// An inner objective with `minimiser(x)`, which writes argmin over x (of the right shape on entry).
template <class G, class P>
concept HasMinimiser = requires(G& g, P& x) {
  g.minimiser(x);
};

namespace inner {

/// x ← argmin g: the limit of infinitely many inner steps, as the theory takes it (THEORY.md §1).
struct Exact {
  template <class P>
  struct State : GradientState<P> {};

  /// One step; returns value and gradient norm before it. Throws Error, x and state as before, if they or
  /// the minimiser are not finite.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerStep step(Objective& objective, P& x, State<P>& state) const {
    static_assert(HasMinimiser<Objective, P>,
                  "zofo: inner::Exact needs an objective with minimiser(x), which writes argmin into x "
                  "(concept HasMinimiser)");
    const InnerStep seen = evaluate(objective, x, state);
    P& minimum = *state.gradient;  // its norm is taken, its memory is free
    assign(x, minimum);
    objective.minimiser(minimum);
    require(same_size(x, minimum), "inner step {}: the minimiser has another size than x", state.steps);
    require(std::isfinite(norm(minimum)), "inner step {}: the minimiser's norm is {}: must be finite",
            state.steps, norm(minimum));
    assign(minimum, x);
    ++state.steps;
    return seen;
  }
  /// One step, whatever the budget (none if it has none), and the report of where it ends.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerReport solve(Objective& objective, P& x, State<P>& state, InnerBudget budget) const {
    budget.steps = budget.steps > 0 ? 1 : 0;
    return inner_solve(*this, objective, x, state, budget);
  }
};

}  // namespace inner

}  // namespace zofo
