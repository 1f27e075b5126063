/// @file Stochastic path-integrated differential estimator over zeroth-order estimates.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// vₖ = vₖ₋₁ + ĝ_B(θₖ) − ĝ_B(θₖ₋₁), started again every `period` steps from `batches` mini-batches; both
/// terms of the difference use the same directions and the same mini-batch B. v stays a list of terms: at
/// most (period + 1) q of them. Source: Fang et al. 2018 (SPIDER), its zeroth-order form SPIDER-SZO.
template <class E>
struct Spider {
  static_assert(OuterZOEstimator<E>,
                "zofo: variance::Spider needs a stateless estimator with probes(step, out) and combine(step, "
                "losses, out) (concept OuterZOEstimator)");
  struct State : PeriodicState {};
  E estimator;                 ///< of the differences
  std::uint32_t period = 10;   ///< steps from one large batch to the next
  std::uint32_t batches = 10;  ///< mini-batches averaged in it; more come nearer to all data
  std::optional<std::type_identity_t<E>>
      full{};  ///< of the beginnings, with more queries; unset: `estimator`

  /// Throws Error naming the field out of range.
  void check() const { detail::check_periodic(*this); }
  /// Takes the seed where the estimators were given none.
  void adopt_seed(std::uint64_t seed) { detail::adopt_periodic_seed(*this, seed); }
  /// Writes the step's estimate.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    if (!state.started || step % period == 0) {
      detail::begin_from_large_batch(full ? *full : estimator, batches, step, evaluator, state);
    } else {
      detail::difference(estimator, step, 1.0, evaluator, state.probes, state.scratch, state.fresh);
      detail::append(state.base, 1.0, state.fresh);  // its queries stay those of the beginning
    }
    evaluator.move_anchor();
    estimate = state.base;
  }
};

}  // namespace zofo::variance
