/// @file No variance reduction.
#pragma once

#include <cstdint>
#include <vector>

#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

namespace detail {

struct NoEstimatorState {
  template <class Archive>
  void fields(Archive& /*archive*/) {}
};
template <class E>
struct EstimatorState {
  using Type = NoEstimatorState;
};
template <StatefulEstimator E>
struct EstimatorState<E> {
  using Type = typename E::State;
};

}  // namespace detail

/// The estimator without a change. A stateful estimator's state is part of the state.
template <class E>
struct None {
  static_assert(
      ZOEstimator<E>,
      "zofo: variance::None needs an estimator with probes(step, out) and combine(step, losses, out) "
      "(concept OuterZOEstimator), or with a State (concept StatefulEstimator)");
  /// What survives between steps.
  struct State {
    typename detail::EstimatorState<E>::Type own;  ///< the estimator's state
    std::vector<Probe> probes;                     ///< scratch memory
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      if constexpr (StatefulEstimator<E>) archive(own);
    }
  };
  E estimator;  ///< whose estimates are used

  /// Throws Error naming the field of the estimator that is out of range.
  void check() const { check_policy(estimator); }
  /// Sets the estimator's seed if none was given.
  void adopt_seed(std::uint64_t seed) { zofo::adopt_seed(estimator, seed); }
  /// Writes the step's estimate. Throws Error as the estimator does.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    const ProbeBatch batch{.number = step};
    if constexpr (StatefulEstimator<E>) {
      estimator.probes(step, state.own, state.probes);
      estimator.combine(step, evaluator.here(state.probes, batch), state.own, estimate);
    } else {
      estimator.probes(step, state.probes);
      estimator.combine(step, evaluator.here(state.probes, batch), estimate);
    }
  }
};

template <class E>
None(E) -> None<E>;

}  // namespace zofo::variance
