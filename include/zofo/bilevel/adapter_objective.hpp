/// @file One task's loss as a function of its adapter, for an inner solve outside of a run.
#pragma once

#include <span>

#include "zofo/core/problem.hpp"

namespace zofo {

/// x ↦ upper_weight · F(θ, x) + lower_weight · G(θ, x) of one task on given mini-batches: (0, 1) is the lower
/// level, (1, λ) the upper adapter's objective of the penalty. For inner_solve. The problem and θ must
/// outlive the object.
template <BilevelProblem Problem>
struct AdapterObjective {
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  Problem& problem;           ///< evaluates F, G and their gradients
  const Theta& theta;         ///< the backbone, fixed
  double upper_weight = 0.0;  ///< factor of F, at least 0
  double lower_weight = 1.0;  ///< factor of G, at least 0
  BatchPair batches{};        ///< mini-batches of F and of G; they also select the task

  /// The value at x, and the gradient in x.
  double value_and_gradient(const Adapter& x, Adapter& gradient) {
    GradientRequest<Adapter> request{&x, upper_weight, lower_weight, batches, &gradient, 0.0};
    problem.gradients(theta, std::span(&request, 1));
    return request.value;
  }
};

}  // namespace zofo
