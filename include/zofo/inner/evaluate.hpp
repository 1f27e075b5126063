/// @file Evaluation and checks of the values and gradients of inner objectives.
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

/// `value_and_gradient(x, gradient)` returns the value at x and writes the gradient (which has x's shape).
template <class G, class P>
concept InnerObjective = requires(G& g, const P& x, P& gradient) {
  { g.value_and_gradient(x, gradient) } -> std::convertible_to<double>;
};

/// Value and gradient norm of an inner step, at the point of its gradient: x before the step, or the
/// optimizer's point (concept LooksAhead).
struct InnerStep {
  double value = 0.0;          ///< of the objective
  double gradient_norm = 0.0;  ///< Euclidean norm, before clipping
};

/// The parts of the message of a failed check other than the wrong number.
struct EvaluationContext {
  std::string where;                             ///< "outer step 3, inner step 0 on s, task 2"
  std::string remedy = "a lower rate may help";  ///< what to change, with the option's name if there is one
};

/// Callable without arguments that describes an evaluation; called only when a check fails.
template <class C>
concept DescribesEvaluation = requires(const C& context) {
  { context() } -> std::convertible_to<EvaluationContext>;
};

/// The context of a solve that knows only the number of the step.
struct StepContext {
  std::uint64_t step = 0;  ///< number of the inner step, from 0
  /// "inner step 3" and the default remedy.
  EvaluationContext operator()() const { return {.where = fmt::format("inner step {}", step)}; }
};

/// Throws Error, with the context and the number in its message, unless value and gradient norm are finite.
template <DescribesEvaluation Context>
void check_evaluation(double value, double gradient_norm, const Context& context) {
  if (std::isfinite(value) && std::isfinite(gradient_norm)) [[likely]]
    return;
  const EvaluationContext described = context();
  const bool bad_value = !std::isfinite(value);
  fail("{}: {} is {}: must be finite ({})", described.where, bad_value ? "the loss" : "the gradient's norm",
       bad_value ? value : gradient_norm, described.remedy);
}

/// Checks a value and a gradient that were computed at a point of x's shape, for example by a batched call,
/// and returns the value and the gradient's norm. Throws Error when the gradient has another size than x or a
/// number is not finite.
template <VectorSpace P, DescribesEvaluation Context>
[[nodiscard]] InnerStep checked_evaluation(double value, const P& x, const P& gradient,
                                           const Context& context) {
  if (std::isfinite(value) && !same_size(x, gradient))
    fail("{}: the objective gave a gradient of another size than x", EvaluationContext(context()).where);
  const InnerStep seen{value, std::isfinite(value) ? norm(gradient) : 0.0};
  check_evaluation(seen.value, seen.gradient_norm, context);
  return seen;
}

/// Checked value and gradient norm of `objective` at x. The gradient is written to `memory`, which is
/// allocated if it is empty or has another size. Throws Error as checked_evaluation does, and what the
/// objective throws.
template <class Objective, VectorSpace P, DescribesEvaluation Context = StepContext>
InnerStep evaluate(Objective& objective, const P& x, Memory<P>& memory, const Context& context = {}) {
  static_assert(
      InnerObjective<Objective, P>,
      "zofo: the objective needs value_and_gradient(x, gradient) -> double (concept InnerObjective)");
  P& gradient = scratch_like(x, memory);
  const double value = objective.value_and_gradient(x, gradient);
  return checked_evaluation(value, x, gradient, context);
}

/// The same at the point where `optimizer` requires the gradient of its next update: its own point (concept
/// LooksAhead), else x. Does not change x or what the state has of earlier steps.
template <class Objective, class O, VectorSpace P, DescribesEvaluation Context = StepContext>
InnerStep evaluate_at(Objective& objective, const O& optimizer, const P& x,
                      typename O::template State<P>& state, Memory<P>& memory, const Context& context = {}) {
  return evaluate(objective, evaluation_point(optimizer, x, state), memory, context);
}

}  // namespace zofo::inner
