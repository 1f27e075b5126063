/// @file Stochastic variance-reduced gradient over zeroth-order estimates.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// ĝ = ĝ_B(θ) − ĝ_B(θ̃) + ĝ_full(θ̃): both first terms see the same directions and the same mini-batch B, so
/// the variance that B and the directions bring is ∝ ‖θ − θ̃‖² (THEORY.md E7). Every `period` steps the anchor
/// θ̃ (with its adapters) moves to the present point and ĝ_full is made anew from `batches` mini-batches.
/// Sources: Johnson & Zhang 2013; Liu et al. 2018 (ZO-SVRG).
template <OuterZOEstimator E>
struct Svrg {
  using Options = detail::PeriodicOptions;
  struct State {
    ZoGradient full;            ///< ĝ_full(θ̃)
    std::uint32_t batches = 0;  ///< large batches drawn so far
    bool anchored = false;
    std::vector<Probe> probes;  ///< kept for its memory, as the next two
    ZoGradient scratch, fresh;
  };
  E estimator;  ///< of the steps
  E full;       ///< of the anchor: more queries make a better ĝ_full
  Options options;

  Svrg(E step, E anchor, Options o) : estimator(std::move(step)), full(std::move(anchor)), options(o) {}
  /// One estimator for both.
  Svrg(E step, Options o) : Svrg(step, step, o) {}

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
    if (!state.anchored || step % options.period == 0) {
      detail::large_batch(full, step, state.batches, options.batches, evaluator, state.probes, state.scratch,
                          state.fresh);
      std::swap(state.full, state.fresh);
      state.batches += options.batches;
      state.anchored = true;
      evaluator.move_anchor();
      estimate.terms = state.full.terms;  // at the anchor the two first terms cancel
      return;
    }
    list_probes(estimator, step, state.probes);
    const ProbeBatch batch{.number = step};
    combine_losses(estimator, step, evaluator.here(state.probes, batch), estimate);
    combine_losses(estimator, step, evaluator.at_anchor(state.probes, batch), state.scratch);
    detail::add_same_directions(estimate, -1.0, state.scratch);
    detail::append(estimate, 1.0, state.full);
  }
};

}  // namespace zofo::variance
