/// @file Stochastic recursive momentum over zeroth-order estimates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/large_batch.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// Options of Storm.
struct StormOptions {
  double weight = 0.1;  ///< a: 1 is the plain estimate, 0 never forgets
  /// Throws Error naming the field out of range.
  void check() const {
    require(std::isfinite(weight) && weight > 0.0 && weight <= 1.0, "weight = {}: must be in (0, 1]", weight);
  }
};

/// vₖ = ĝ_B(θₖ) + (1 − a)(vₖ₋₁ − ĝ_B(θₖ₋₁)), both ĝ_B with the same directions and the same mini-batch; no
/// large batches. v stays a list of terms; those whose weight (1 − a)^age has fallen below the rounding of a
/// double, 2⁻⁵³, are dropped, which leaves 37/a steps' terms at most. Source: Cutkosky & Orabona 2019.
template <OuterZOEstimator E>
struct Storm {
  using Options = StormOptions;
  struct State {
    ZoGradient running;              ///< vₖ₋₁, oldest terms first
    std::vector<std::size_t> sizes;  ///< number of terms of each remembered step, oldest first
    std::vector<Probe> probes;       ///< kept for its memory, as the next two
    ZoGradient scratch, fresh;
  };
  E estimator;
  Options options;

  Storm(E wrapped, Options o) : estimator(std::move(wrapped)), options(o) {}

  /// Throws Error naming the field out of range.
  void check() const {
    options.check();
    if constexpr (requires { estimator.options.check(); }) estimator.options.check();
  }
  /// Writes the step's estimate.
  template <ProbeEvaluator V>
  void estimate(std::uint32_t step, V& evaluator, State& state, ZoGradient& estimate) const {
    const double keep = 1.0 - options.weight;
    const ProbeBatch batch{.number = step};
    list_probes(estimator, step, state.probes);
    combine_losses(estimator, step, evaluator.here(state.probes, batch), state.fresh);
    if (!state.sizes.empty()) {
      combine_losses(estimator, step, evaluator.at_anchor(state.probes, batch), state.scratch);
      detail::add_same_directions(state.fresh, -keep, state.scratch);
    }
    for (ZoTerm& term : state.running.terms) term.coefficient *= keep;
    detail::append(state.running, 1.0, state.fresh);
    state.sizes.push_back(state.fresh.terms.size());
    forget(keep, state);
    evaluator.move_anchor();
    estimate.terms = state.running.terms;
  }

 private:
  static void forget(double keep, State& state) {
    const auto oldest = static_cast<double>(state.sizes.size() - 1);
    if (std::pow(keep, oldest) >= 0x1p-53) return;
    const auto terms = static_cast<std::ptrdiff_t>(state.sizes.front());
    state.running.terms.erase(state.running.terms.begin(), state.running.terms.begin() + terms);
    state.sizes.erase(state.sizes.begin());
  }
};

}  // namespace zofo::variance
