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

/// vₖ = ĝ_B(θₖ) + (1 − a)(vₖ₋₁ − ĝ_B(θₖ₋₁)), both ĝ_B with the same directions and the same mini-batch; no
/// large batches. v stays a list of terms; those whose weight (1 − a)^age has fallen below the rounding of a
/// double, 2⁻⁵³, are dropped, which leaves 37/a steps' terms at most. Source: Cutkosky & Orabona 2019.
template <class E>
struct Storm {
  static_assert(OuterZOEstimator<E>,
                "zofo: variance::Storm needs a stateless estimator with probes(step, out) and combine(step, "
                "losses, out) (concept OuterZOEstimator)");
  struct State {
    ZoGradient running;              ///< vₖ₋₁, oldest terms first
    std::vector<std::size_t> sizes;  ///< number of terms of each remembered step, oldest first
    double squared_weights = 0.0;  ///< Σ wⱼ² of vₖ₋₁ as a weighted average of the steps' ĝ(θⱼ)
    std::vector<Probe> probes;     ///< scratch memory, as the next two
    ZoGradient scratch, fresh;
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      archive(running, sizes, squared_weights);
    }
  };
  E estimator;
  double weight = 0.1;  ///< a: 1 is the plain estimate; smaller averages over more steps, about 1/a

  /// Throws Error naming the field out of range.
  void check() const {
    require(std::isfinite(weight) && weight > 0.0 && weight <= 1.0, "weight = {}: must be in (0, 1]", weight);
    check_policy(estimator);
  }
  /// Takes the seed where the estimator was given none.
  void adopt_seed(std::uint64_t seed) { zofo::adopt_seed(estimator, seed); }
  /// Writes the step's estimate.
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
