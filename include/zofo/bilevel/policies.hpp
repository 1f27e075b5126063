/// @file The five policies of a solver.
#pragma once

#include "zofo/estimate/central.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace zofo {

/// The parts of a solver that can be replaced, for example `Policies{.estimator = Central{.queries = 8},
/// .lower = inner::Sgd{.rate = 0.1}}`. Fields that are not named keep their defaults. docs/guide/options.md
/// lists all policies and when to use each.
template <class D = Rademacher, class E = Central, class O = outer::Sgd, class I = inner::Adam>
struct Policies {
  /// Distribution of the random directions z (concept Perturbation). Rademacher has the least variance of
  /// independent entries (docs/results/theory/statements.md, E3) and is the cheapest to generate. Use
  /// Orthogonal for several directions on a small θ, LowRank for a θ of large matrices.
  D perturbation{};
  /// Computes an estimate of the gradient in θ from losses at θ ± εz (concept OuterZOEstimator), or a
  /// VarianceReduction that wraps an estimator. Raise its `queries` to lower the variance: q directions cost
  /// 2q losses and divide the variance by about q (docs/results/theory, E4). Choose its `epsilon` small
  /// against the scale on which the loss curves, and large against rounding.
  E estimator{};
  /// Applies the estimate to θ (concept OuterOptimizer). Its learning rate depends on the problem: for an
  /// ℓ-smooth function of d coordinates 1/(4(d + 4)ℓ) is safe (docs/results/theory, C1), so set it for each
  /// problem.
  O outer{};
  /// Updates s from a gradient of G (concept InnerOptimizer). Adam suits noisy gradients and coordinates of
  /// different scales; gradient descent, Nesterov and L-BFGS suit smooth deterministic problems
  /// (docs/results/theory, I1 and I2).
  I lower{};
  /// Updates p from a gradient of (F + λG)/(1 + λ); the same as `lower` unless it is named. Name it to give p
  /// another learning rate.
  I upper = lower;
};

}  // namespace zofo
