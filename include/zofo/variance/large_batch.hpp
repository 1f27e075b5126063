/// @file Functions that the variance reductions share: estimates averaged over many mini-batches, differences
/// of estimates along the same directions, and the periodic large batch of SVRG and SPIDER.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance {

/// The state of SVRG and SPIDER.
struct PeriodicState {
  ZoGradient base;            ///< SVRG: ĝ_full(θ̃); SPIDER: vₖ₋₁
  std::uint32_t batches = 0;  ///< mini-batches used for large batches so far
  bool started = false;       ///< whether there was a large batch
  std::vector<Probe> probes;  ///< scratch memory
  ZoGradient scratch;         ///< scratch memory
  ZoGradient fresh;           ///< scratch memory
  /// The members that are saved.
  template <class Archive>
  void fields(Archive& archive) {
    archive(base, batches, started);
  }
};

namespace detail {

/// to ← to + a·x, term by term: both are estimates of the same step, hence of the same directions.
inline void add_same_directions(ZoGradient& to, double a, const ZoGradient& x) {
  require(to.terms.size() == x.terms.size(), "estimates of {} and {} terms: a difference needs equal ones",
          to.terms.size(), x.terms.size());
  for (std::size_t i = 0; i < to.terms.size(); ++i) {
    require(to.terms[i].direction == x.terms[i].direction,
            "term {}: a difference of estimates needs the same directions", i);
    to.terms[i].coefficient += a * x.terms[i].coefficient;
  }
}

/// Appends the terms of x, scaled by a.
inline void append(ZoGradient& to, double a, const ZoGradient& x) {
  for (const ZoTerm& term : x.terms) to.terms.push_back({term.direction, a * term.coefficient});
}

/// `fresh` ← ĝ_B(here) − keep·ĝ_B(anchor) on the step's own mini-batch B; both ĝ_B along the same directions.
template <OuterZOEstimator E, ProbeEvaluator V>
void difference(const E& estimator, std::uint32_t step, double keep, V& evaluator, std::vector<Probe>& probes,
                ZoGradient& scratch, ZoGradient& fresh) {
  estimator.probes(step, probes);
  const ProbeBatch batch{.number = step};
  estimator.combine(step, evaluator.here(probes, batch), fresh);
  estimator.combine(step, evaluator.at_anchor(probes, batch), scratch);
  add_same_directions(fresh, -keep, scratch);
}

/// Sets the state's base to the mean of `batches` estimates at the current point, all along the directions of
/// `step`. The numbering of large batches continues from one call to the next.
template <OuterZOEstimator E, ProbeEvaluator V>
void begin_from_large_batch(const E& estimator, std::uint32_t batches, std::uint32_t step, V& evaluator,
                            PeriodicState& state) {
  estimator.probes(step, state.probes);
  ZoGradient& mean = state.fresh;
  mean.terms.clear();
  for (std::uint32_t i = 0; i < batches; ++i) {
    const ProbeBatch batch{.large = true, .number = state.batches + i};
    estimator.combine(step, evaluator.here(state.probes, batch), state.scratch);
    if (i == 0)
      append(mean, 1.0 / batches, state.scratch);
    else
      add_same_directions(mean, 1.0 / batches, state.scratch);
  }
  mean.queries = state.scratch.queries;  // averaging over batches adds no direction
  std::swap(state.base, mean);
  state.batches += batches;
  state.started = true;
}

/// Checks the options and the estimators of SVRG and SPIDER. Throws Error naming the field out of range.
template <class R>
void check_periodic(const R& reduction) {
  require(reduction.period >= 1, "period = {}: must be at least 1", reduction.period);
  require(reduction.batches >= 1, "batches = {}: must be at least 1", reduction.batches);
  check_policy(reduction.estimator);
  if (reduction.full) check_policy(*reduction.full);
}

/// Sets the seeds of their estimators that were not given.
template <class R>
void adopt_periodic_seed(R& reduction, std::uint64_t seed) {
  zofo::adopt_seed(reduction.estimator, seed);
  if (reduction.full) zofo::adopt_seed(*reduction.full, seed);
}

}  // namespace detail

}  // namespace zofo::variance
