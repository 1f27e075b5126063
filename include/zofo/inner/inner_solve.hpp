/// @file The loop of an inner optimizer on one objective.
#pragma once

#include <algorithm>
#include <cstdint>

#include "zofo/core/checkable.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/report.hpp"
#include "zofo/inner/evaluate.hpp"
#include "zofo/inner/inner_optimizer.hpp"

namespace zofo::inner {

/// An objective with `minimiser(x)`, which writes argmin over x (of the right shape on entry).
template <class G, class P>
concept HasMinimiser = requires(G& g, P& x) {
  g.minimiser(x);
};

/// How long an inner solve may take.
struct InnerBudget {
  std::uint32_t steps = 1;  ///< most updates; more where x must be nearer to the minimum
  double tolerance = 0.0;   ///< gradient norm at which to stop; 0 stops only at a stationary point
  /// Throws Error naming the field out of range.
  void check() const { require_in("tolerance", tolerance, 0.0, 1e300); }
};

/// One step: evaluates where the optimizer wants it and moves x. Returns the value and the gradient norm
/// there. `memory` holds the gradient; callers keep it from step to step so that no step allocates. Throws
/// Error, x and the state as before, when an evaluation is not finite or of another size; `context` describes
/// the step then.
template <class O, class Objective, VectorSpace P, DescribesEvaluation Context = StepContext>
InnerStep inner_step(const O& optimizer, Objective& objective, P& x, typename O::template State<P>& state,
                     Memory<P>& memory, const Context& context = {}) {
  static_assert(InnerOptimizer<O, P>,
                "zofo: an inner optimizer needs State<P> and update(gradient, x, state) (concept "
                "InnerOptimizer)");
  const InnerStep seen = evaluate_at(objective, optimizer, x, state, memory, context);
  if constexpr (HasMinimiser<Objective, P>)
    apply_update(optimizer, *memory, x, state, [&](P& out) { objective.minimiser(out); });
  else
    apply_update(optimizer, *memory, x, state);
  return seen;
}

/// Steps from x until the gradient norm is at most `budget.tolerance` or `budget.steps` were taken (one,
/// whatever the budget, for optimizers of concept NeedsMinimiser); one more gradient gives the report's value
/// and norm at the point where it ended. The step that sees a small gradient has moved x already, so the end
/// is evaluated again: `converged` always describes the returned x, and the solve continues where x is not good
/// enough.
///
/// Throws Error when an evaluation is not finite or of another size, with the step's number within this
/// solve, or an option is out of range; x and the state are those after the last complete step then.
template <class O, class Objective, VectorSpace P>
InnerReport inner_solve(const O& optimizer, Objective& objective, P& x, typename O::template State<P>& state,
                        InnerBudget budget) {
  check_policy(optimizer);
  budget.check();
  if (NeedsMinimiser<O, P>) budget.steps = std::min(budget.steps, 1U);
  Memory<P> gradient;
  InnerReport report;
  while (true) {
    bool small = false;
    while (report.steps < budget.steps && !small) {
      const InnerStep seen = inner_step(optimizer, objective, x, state, gradient, StepContext{report.steps});
      small = seen.gradient_norm <= budget.tolerance;
      ++report.steps;
    }
    const InnerStep end = evaluate(objective, x, gradient, StepContext{report.steps});
    report.value = end.value;
    report.gradient_norm = end.gradient_norm;
    report.converged = end.gradient_norm <= budget.tolerance;
    if (report.converged || report.steps == budget.steps) return report;
  }
}

}  // namespace zofo::inner
