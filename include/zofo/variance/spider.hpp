/// @file Stochastic path-integrated differential estimator over zeroth-order estimates.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// vₖ = vₖ₋₁ + ĝ_B(θₖ) − ĝ_B(θₖ₋₁), restarted every `period` steps from `batches` mini-batches. Both terms of
/// the difference use the same directions and the same mini-batch B. v has at most (period + 1) q terms.
/// Source: Fang et al. 2018 (SPIDER), its zeroth-order form SPIDER-SZO.
template <class E>
struct Spider {
  static_assert(OuterZOEstimator<E>,
                "zofo: variance::Spider needs a stateless estimator with probes(step, out) and combine(step, "
                "losses, out) (concept OuterZOEstimator)");
  /// What survives between steps.
  struct State : PeriodicState {};
  E estimator;  ///< of the differences
  /// Number of steps from one restart to the next. Lower it if the estimate drifts from the gradient, raise
  /// it to save evaluations.
  std::uint32_t period = 10;
  /// Number of mini-batches averaged at a restart. Raise it if mini-batches differ much; each costs one
  /// estimate.
  std::uint32_t batches = 10;
  /// Estimator of the restarts, usually with more queries; unset: `estimator`.
  std::optional<std::type_identity_t<E>> full{};

  /// Throws Error naming the field out of range.
  void check() const { detail::check_periodic(*this); }
  /// Sets the estimators' seeds that were not given.
  void adopt_seed(std::uint64_t seed) { detail::adopt_periodic_seed(*this, seed); }
  /// Writes the step's estimate. Throws Error as the estimators do.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    if (!state.started || step % period == 0) {
      detail::begin_from_large_batch(full ? *full : estimator, batches, step, evaluator, state);
    } else {
      detail::difference(estimator, step, 1.0, evaluator, state.probes, state.scratch, state.fresh);
      detail::append(state.base, 1.0, state.fresh);  // its queries stay those of the restart
    }
    evaluator.move_anchor();
    estimate = state.base;
  }
};

}  // namespace zofo::variance
