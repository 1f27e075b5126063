/// @file One task's loss as a function of its adapter, for an inner solve outside of a run.
#pragma once

#include <span>

#include "zofo/core/problem.hpp"

namespace zofo {

/// x ↦ upper_weight · F(θ, x) + lower_weight · G(θ, x) of one task on given mini-batches: (0, 1) is the lower
/// level, (1, λ) the penalty's upper one. For inner_solve. Problem and θ are borrowed.
template <BilevelProblem Problem>
struct AdapterObjective {
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  Problem& problem;
  const Theta& theta;
  double upper_weight = 0.0;
  double lower_weight = 1.0;
  BatchPair batches{};

  /// The value at x, and the gradient in x.
  double value_and_gradient(const Adapter& x, Adapter& gradient) {
    GradientRequest<Adapter> request{&x, upper_weight, lower_weight, batches, &gradient, 0.0};
    problem.gradients(theta, std::span(&request, 1));
    return request.value;
  }
};

}  // namespace zofo
