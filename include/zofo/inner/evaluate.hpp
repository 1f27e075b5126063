/// @file The one place where values and gradients of the inner objectives are evaluated and checked.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/inner/inner_optimizer.hpp"
#include "zofo/inner/state_memory.hpp"

namespace zofo::inner {

/// Value at x, and the gradient written to `gradient` (which has x's shape).
template <class G, class P>
concept InnerObjective = requires(G& g, const P& x, P& gradient) {
  { g.value_and_gradient(x, gradient) } -> std::convertible_to<double>;
};

/// What an inner step saw where it took the gradient: at x before the step, or at the optimizer's point.
struct InnerStep {
  double value = 0.0;
  double gradient_norm = 0.0;  ///< Euclidean, before clipping
};

/// What the message of a failed check adds to the number that is wrong.
struct EvaluationContext {
  std::string where;                             ///< "outer step 3, inner step 0 on s, task 2"
  std::string remedy = "a lower rate may help";  ///< the option to change, by name where there is one
};

/// Callable without arguments that describes an evaluation; called only when a check fails.
template <class C>
concept DescribesEvaluation = requires(const C& context) {
  { context() } -> std::convertible_to<EvaluationContext>;
};

/// The context of a solve that numbers its steps and nothing else.
struct StepContext {
  std::uint64_t step = 0;
  EvaluationContext operator()() const { return {.where = fmt::format("inner step {}", step)}; }
};

/// Throws Error, with the context and the number in its message, unless value and gradient norm are finite.
template <DescribesEvaluation Context>
void check_evaluation(double value, double gradient_norm, const Context& context) {
  if (std::isfinite(value) && std::isfinite(gradient_norm)) [[likely]]
    return;
  const EvaluationContext place = context();
  const bool bad_value = !std::isfinite(value);
  fail("{}: {} is {}: must be finite ({})", place.where, bad_value ? "the loss" : "the gradient's norm",
       bad_value ? value : gradient_norm, place.remedy);
}

/// Value and gradient norm of an evaluation at a point of x's shape, checked: for values and gradients that a
/// batched call wrote. Throws Error when the gradient has another size than x or a number is not finite.
template <VectorSpace P, DescribesEvaluation Context>
[[nodiscard]] InnerStep checked_evaluation(double value, const P& x, const P& gradient,
                                           const Context& context) {
  if (std::isfinite(value) && !same_size(x, gradient))
    fail("{}: the objective gave a gradient of another size than x", EvaluationContext(context()).where);
  const InnerStep seen{value, std::isfinite(value) ? norm(gradient) : 0.0};
  check_evaluation(seen.value, seen.gradient_norm, context);
  return seen;
}

/// Value and gradient norm of `objective` at x, checked; the gradient is written to `memory`, which is made
/// where it is missing or of another size. Throws Error as checked_evaluation does, and what the objective
/// throws.
template <class Objective, VectorSpace P, DescribesEvaluation Context = StepContext>
InnerStep evaluate(Objective& objective, const P& x, Memory<P>& memory, const Context& context = {}) {
  static_assert(
      InnerObjective<Objective, P>,
      "zofo: the objective needs value_and_gradient(x, gradient) -> double (concept InnerObjective)");
  P& gradient = scratch_like(x, memory);
  const double value = objective.value_and_gradient(x, gradient);
  return checked_evaluation(value, x, gradient, context);
}

/// The same where `optimizer` wants the gradient of its next update (concept LooksAhead; else at x). x and
/// what the state has of earlier steps are not changed.
template <class Objective, class O, VectorSpace P, DescribesEvaluation Context = StepContext>
InnerStep evaluate_at(Objective& objective, const O& optimizer, const P& x,
                      typename O::template State<P>& state, Memory<P>& memory, const Context& context = {}) {
  return evaluate(objective, evaluation_point(optimizer, x, state), memory, context);
}

}  // namespace zofo::inner
