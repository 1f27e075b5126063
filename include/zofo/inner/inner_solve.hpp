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
concept HasMinimiser = requires(G& g, P& x) { g.minimiser(x); };

/// When an inner solve ends.
struct InnerBudget {
  /// Largest number of updates. Raise it if x must be nearer to the minimum.
  std::uint32_t steps = 1;
  /// Euclidean norm of the gradient at which the solve stops; 0: only at a stationary point.
  double tolerance = 0.0;
  /// Throws Error naming the field out of range.
  void check() const { require_in("tolerance", tolerance, 0.0, 1e300); }
};

/// One step: evaluates the objective at the optimizer's point and updates x. Returns the value and the
/// gradient norm at that point. `memory` holds the gradient; callers reuse it so that no step allocates.
/// Throws Error, without a change of x and state, when an evaluation is not finite or the gradient has
/// another size than x; `context` describes the step in the message.
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

/// Takes steps from x until the gradient norm is at most `budget.tolerance` or `budget.steps` steps were
/// taken (at most one for optimizers of concept NeedsMinimiser). A step with a small gradient has already
/// changed x, so the last point is evaluated again for the report: `converged` always describes the returned
/// x, and the solve continues if the norm there is too large.
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
