/// @file Concept of outer optimisers.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// A policy value with `State<Theta>` apart from it and `apply(θ, law, estimate, state)`, which moves θ.
template <class O, class Theta, class Law>
concept OuterOptimizer = requires(const O& outer, Theta& theta, const Law& law, const ZoGradient& gradient,
                                  typename O::template State<Theta>& state) {
  requires std::default_initializable<typename O::template State<Theta>>;
  outer.apply(theta, law, gradient, state);
};

namespace outer {

/// Throws Error naming the step and the term unless all coefficients are finite: one that is not would spread
/// to every weight.
inline void check_estimate(std::uint64_t step, const ZoGradient& gradient) {
  for (std::size_t i = 0; i < gradient.terms.size(); ++i)
    require(std::isfinite(gradient.terms[i].coefficient),
            "outer step {}: coefficient {} of the estimate is {}: must be finite", step, i,
            gradient.terms[i].coefficient);
}

}  // namespace outer

}  // namespace zofo
