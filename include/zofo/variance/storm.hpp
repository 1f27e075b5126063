/// @file Stochastic recursive momentum over zeroth-order estimates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// vₖ = ĝ_B(θₖ) + (1 − a)(vₖ₋₁ − ĝ_B(θₖ₋₁)), both ĝ_B along the same directions and on the same mini-batch;
/// there are no large batches. Terms of v whose weight (1 − a)^age is below the rounding of a double, 2⁻⁵³,
/// are removed, so that v has the terms of at most 37/a steps. Source: Cutkosky & Orabona 2019.
template <class E>
struct Storm {
  static_assert(OuterZOEstimator<E>,
                "zofo: variance::Storm needs a stateless estimator with probes(step, out) and combine(step, "
                "losses, out) (concept OuterZOEstimator)");
  /// What survives between steps.
  struct State {
    ZoGradient running;              ///< vₖ₋₁, oldest terms first
    std::vector<std::size_t> sizes;  ///< number of terms of each step in v, oldest first
    double squared_weights = 0.0;    ///< Σ wⱼ² of vₖ₋₁ as a weighted average of the steps' ĝ(θⱼ)
    std::vector<Probe> probes;       ///< scratch memory
    ZoGradient scratch;              ///< scratch memory
    ZoGradient fresh;                ///< scratch memory
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(running, sizes, squared_weights);
    }
  };
  E estimator;  ///< of ĝ_B
  /// a, in (0, 1]: the average is over about 1/a steps, and 1 gives the plain estimate. Lower it for less
  /// variance, raise it if θ changes fast.
  double weight = 0.1;

  /// Throws Error naming the field out of range.
  void check() const {
    require(std::isfinite(weight) && weight > 0.0 && weight <= 1.0, "weight = {}: must be in (0, 1]", weight);
    check_policy(estimator);
  }
  /// Sets the estimator's seed if none was given.
  void adopt_seed(std::uint64_t seed) { zofo::adopt_seed(estimator, seed); }
  /// Writes the step's estimate. Throws Error as the estimator does.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    const double keep = 1.0 - weight;
    if (state.sizes.empty()) {
      estimator.probes(step, state.probes);
      estimator.combine(step, evaluator.here(state.probes, {.number = step}), state.fresh);
      state.squared_weights = 1.0;
    } else {
      detail::difference(estimator, step, keep, evaluator, state.probes, state.scratch, state.fresh);
      // Where f is linear the difference is a ĝ(θ): the weights are a, a (1 − a), …, and (1 − a)^k of the
      // first.
      state.squared_weights = keep * keep * state.squared_weights + weight * weight;
    }
    for (ZoTerm& term : state.running.terms) term.coefficient *= keep;
    detail::append(state.running, 1.0, state.fresh);
    state.running.queries = state.fresh.queries / state.squared_weights;
    state.sizes.push_back(state.fresh.terms.size());
    forget(keep, state);
    evaluator.move_anchor();
    estimate = state.running;
  }

 private:
  static void forget(double keep, State& state) {
    const auto oldest = static_cast<double>(state.sizes.size() - 1);
    if (std::pow(keep, oldest) >= 0x1p-53) return;
    require(state.sizes.front() <= state.running.terms.size(),
            "variance::Storm: the state has {} terms: its oldest step {}", state.running.terms.size(),
            state.sizes.front());
    const auto terms = static_cast<std::ptrdiff_t>(state.sizes.front());
    state.running.terms.erase(state.running.terms.begin(), state.running.terms.begin() + terms);
    state.sizes.erase(state.sizes.begin());
  }
};

}  // namespace zofo::variance
