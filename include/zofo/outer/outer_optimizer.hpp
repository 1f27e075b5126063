/// @file Concept of outer optimisers.
#pragma once

#include <concepts>

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

}  // namespace zofo
