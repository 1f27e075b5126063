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

/// The estimator as it is; the same estimates as the estimator in its own place. A stateful estimator's state
/// passes through.
template <class E>
struct None {
  static_assert(
      ZOEstimator<E>,
      "zofo: variance::None needs an estimator with probes(step, out) and combine(step, losses, out) "
      "(concept OuterZOEstimator), or with a State (concept StatefulEstimator)");
  struct State {
    typename detail::EstimatorState<E>::Type own;  ///< the estimator's
    std::vector<Probe> probes;                     ///< scratch memory
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      if constexpr (StatefulEstimator<E>) archive(own);
    }
  };
  E estimator;

  /// Throws Error naming the field of the estimator that is out of range.
  void check() const { check_policy(estimator); }
  /// Takes the seed where the estimator was given none.
  void adopt_seed(std::uint64_t seed) { zofo::adopt_seed(estimator, seed); }
  /// Writes the step's estimate.
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
