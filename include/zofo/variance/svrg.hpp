/// @file Stochastic variance-reduced gradient over zeroth-order estimates.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// ĝ = ĝ_B(θ) − ĝ_B(θ̃) + ĝ_full(θ̃): the first two terms use the same directions and the same mini-batch B, so
/// the variance due to B and the directions is ∝ ‖θ − θ̃‖² (docs/results/theory, E7). Every `period` steps the
/// anchor θ̃ (with its adapters) is set to the current point, and ĝ_full is estimated again from `batches`
/// mini-batches. Sources: Johnson & Zhang 2013; Liu et al. 2018 (ZO-SVRG).
template <class E>
struct Svrg {
  static_assert(OuterZOEstimator<E>,
                "zofo: variance::Svrg needs a stateless estimator with probes(step, out) and combine(step, "
                "losses, out) (concept OuterZOEstimator)");
  /// What survives between steps.
  struct State : PeriodicState {};
  E estimator;  ///< of the steps
  /// Number of steps from one anchor to the next. Lower it if θ gets far from the anchor, raise it to save
  /// evaluations.
  std::uint32_t period = 10;
  /// Number of mini-batches averaged at an anchor. Raise it if mini-batches differ much; each costs one
  /// estimate.
  std::uint32_t batches = 10;
  /// Estimator at the anchor, usually with more queries; unset: `estimator`.
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
      evaluator.move_anchor();
      estimate = state.base;  // at the anchor the first two terms cancel
      return;
    }
    detail::difference(estimator, step, 1.0, evaluator, state.probes, state.scratch, estimate);
    detail::append(estimate, 1.0, state.base);
    estimate.queries = state.base.queries;  // the difference only corrects
  }
};

}  // namespace zofo::variance
