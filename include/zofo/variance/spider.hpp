/// @file Stochastic path-integrated differential estimator over zeroth-order estimates.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// vₖ = vₖ₋₁ + ĝ_B(θₖ) − ĝ_B(θₖ₋₁), begun anew every `period` steps from `batches` mini-batches; both terms
/// of the difference see the same directions and the same mini-batch B. v stays a list of terms: at most
/// (period + 1) q of them. Source: Fang et al. 2018 (SPIDER), its zeroth-order form SPIDER-SZO.
template <OuterZOEstimator E>
struct Spider {
  using Options = detail::PeriodicOptions;
  struct State {
    ZoGradient running;         ///< vₖ₋₁
    std::uint32_t batches = 0;  ///< large batches drawn so far
    bool begun = false;
    std::vector<Probe> probes;  ///< kept for its memory, as the next two
    ZoGradient scratch, difference;
  };
  E estimator;  ///< of the differences
  E full;       ///< of the beginnings: more queries make a better one
  Options options;

  Spider(E step, E beginning, Options o)
      : estimator(std::move(step)), full(std::move(beginning)), options(o) {}
  /// One estimator for both.
  Spider(E step, Options o) : Spider(step, step, o) {}

  /// Throws Error naming the field out of range.
  void check() const {
    options.check();
    if constexpr (requires { estimator.options.check(); }) {
      estimator.options.check();
      full.options.check();
    }
  }
  /// Writes the step's estimate.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    if (!state.begun || step % options.period == 0) {
      detail::large_batch(full, step, state.batches, options.batches, evaluator, state.probes, state.scratch,
                          state.difference);
      std::swap(state.running, state.difference);
      state.batches += options.batches;
      state.begun = true;
    } else {
      list_probes(estimator, step, state.probes);
      const ProbeBatch batch{.number = step};
      combine_losses(estimator, step, evaluator.here(state.probes, batch), state.difference);
      combine_losses(estimator, step, evaluator.at_anchor(state.probes, batch), state.scratch);
      detail::add_same_directions(state.difference, -1.0, state.scratch);
      detail::append(state.running, 1.0, state.difference);
    }
    evaluator.move_anchor();
    estimate.terms = state.running.terms;
  }
};

}  // namespace zofo::variance
