/// @file No variance reduction.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// The estimator as it is; the same estimates as the estimator in its own place.
template <OuterZOEstimator E>
struct None {
  struct State {
    std::vector<Probe> probes;  ///< kept for its memory
  };
  E estimator;

  explicit None(E wrapped) : estimator(std::move(wrapped)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    if constexpr (requires { estimator.options.check(); }) estimator.options.check();
  }
  /// Writes the step's estimate.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    list_probes(estimator, step, state.probes);
    combine_losses(estimator, step, evaluator.here(state.probes, {.number = step}), estimate);
  }
};

}  // namespace zofo::variance
