/// @file What a step of an inner solver sees: a checked value and gradient, in memory that its state keeps.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>

#include "zofo/core/error.hpp"
#include "zofo/core/problem.hpp"

namespace zofo {

/// What a step saw where it took the gradient: at x before the step, or at Nesterov's extrapolated point.
struct InnerStep {
  double value = 0.0;
  double gradient_norm = 0.0;                ///< Euclidean, before clipping
  operator double() const { return value; }  ///< the value, all that concept InnerSolver asks for
};

namespace inner {

/// What the states of the library's solvers share. A copy is a value of its own; copying between states that
/// have taken a step allocates nothing where P's assignment does not.
template <class P>
struct GradientState {
  std::uint64_t steps = 0;    ///< steps taken: the k of schedules
  std::optional<P> gradient;  ///< memory only: the last gradient, as clipped
};

/// True if y is as long as x; spaces without coordinates are taken at their word.
template <VectorSpace P>
[[nodiscard]] bool same_size(const P& x, const P& y) {
  if constexpr (HasCoordinates<const P>)
    return coordinates(y).size() == coordinates(x).size();
  else
    return true;
}

/// Memory of x's shape whose contents do not matter; made when missing or of another size.
template <VectorSpace P>
P& scratch_like(const P& x, std::optional<P>& slot) {
  if (!slot || !same_size(x, *slot)) slot.emplace(zeros_like(x));
  return *slot;
}

/// What a solver remembers from step to step, a zero at first. Throws Error when it belongs to an x of
/// another size.
template <VectorSpace P>
P& memory_like(const P& x, std::optional<P>& slot) {
  if (!slot) slot.emplace(zeros_like(x));
  require(same_size(x, *slot),
          "inner: x has another size than in the steps before: give it a state of its own");
  return *slot;
}

/// Value and gradient norm at x, the gradient in `state.gradient`. Throws Error, which names the step, when
/// either is not finite, and when the objective gives the gradient another size; nothing but that memory has
/// changed then.
template <class Objective, VectorSpace P>
InnerStep evaluate(Objective& objective, const P& x, GradientState<P>& state) {
  static_assert(
      InnerObjective<Objective, P>,
      "zofo: the objective needs value_and_gradient(x, gradient) -> double (concept InnerObjective)");
  P& gradient = scratch_like(x, state.gradient);
  const double value = objective.value_and_gradient(x, gradient);
  require(std::isfinite(value), "inner step {}: the objective is {}: must be finite (a lower rate may help)",
          state.steps, value);
  require(same_size(x, gradient), "inner step {}: the objective gave a gradient of another size than x",
          state.steps);
  const double length = norm(gradient);
  require(std::isfinite(length),
          "inner step {}: the gradient's norm is {}: must be finite (a lower rate may help)", state.steps,
          length);
  return {value, length};
}

}  // namespace inner

}  // namespace zofo
