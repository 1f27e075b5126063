/// @file Concepts of outer optimisers.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/core/checkable.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::outer {

/// A policy with a separate `State<Theta>` and `apply(θ, perturbation, estimate, state)`, which updates θ. If
/// it throws, θ and the state are unchanged.
template <class O, class Theta, class D>
concept OuterOptimizer = requires(const O& outer, Theta& theta, const D& perturbation,
                                  const ZoGradient& gradient, typename O::template State<Theta>& state) {
  requires std::default_initializable<typename O::template State<Theta>>;
  outer.apply(theta, perturbation, gradient, state);
};

/// Refinement: `check_update(θ, perturbation, estimate, state)` throws what `apply` would throw, and
/// changes nothing. After it `apply` does not throw, except if memory runs out. So a caller can update in
/// place.
template <class O, class Theta, class D>
concept ChecksUpdate = OuterOptimizer<O, Theta, D> &&
                       requires(const O& outer, const Theta& theta, const D& perturbation,
                                const ZoGradient& gradient, const typename O::template State<Theta>& state) {
                         outer.check_update(theta, perturbation, gradient, state);
                       };

/// Throws Error naming the step and the term unless all coefficients are finite: any other would make every
/// weight NaN.
inline void check_estimate(std::uint64_t step, const ZoGradient& gradient) {
  for (std::size_t i = 0; i < gradient.terms.size(); ++i)
    require(std::isfinite(gradient.terms[i].coefficient),
            "outer step {}: coefficient {} of the estimate is {}: must be finite", step, i,
            gradient.terms[i].coefficient);
}

/// The same, and throws what the perturbation throws if it lacks a direction of the estimate on θ's shape.
template <class D, class Theta>
void check_estimate(std::uint64_t step, const D& perturbation, const Theta& theta,
                    const ZoGradient& gradient) {
  check_estimate(step, gradient);
  for (const ZoTerm& term : gradient.terms) check_direction(perturbation, theta, term.direction);
}

}  // namespace zofo::outer
