/// @file The five policies of a solver, each replaceable by name.
#pragma once

#include "zofo/estimate/central.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace zofo {

/// `Policies{.estimator = Central{.queries = 8}, .lower = inner::Sgd{.rate = 0.1}}`: what is not named keeps
/// its default. `upper` is `lower` unless it is named. In the estimator's place may stand an OuterZOEstimator
/// or a VarianceReduction that wraps one.
template <class D = Rademacher, class E = Central, class O = outer::Sgd, class I = inner::Adam>
struct Policies {
  D perturbation{};  ///< distribution of the directions z
  E estimator{};     ///< losses at probes -> estimate of the gradient in θ
  O outer{};         ///< estimate -> update of θ
  I lower{};         ///< gradient -> update of s
  I upper = lower;   ///< gradient -> update of p
};

}  // namespace zofo
