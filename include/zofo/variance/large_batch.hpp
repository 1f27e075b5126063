/// @file An estimate averaged over many mini-batches, and differences of estimates of one set of directions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo::variance::detail {

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

/// The mean of `batches` estimates at the present point, all of the directions of `step`; numbers of large
/// batches go on from one call to the next.
template <OuterZOEstimator E, ProbeEvaluator V>
void large_batch(const E& estimator, std::uint32_t step, std::uint32_t first, std::uint32_t batches,
                 V& evaluator, std::vector<Probe>& probes, ZoGradient& scratch, ZoGradient& mean) {
  list_probes(estimator, step, probes);
  mean.terms.clear();
  for (std::uint32_t i = 0; i < batches; ++i) {
    const ProbeBatch batch{.large = true, .number = first + i};
    combine_losses(estimator, step, evaluator.here(probes, batch), scratch);
    if (i == 0)
      append(mean, 1.0 / batches, scratch);
    else
      add_same_directions(mean, 1.0 / batches, scratch);
  }
}

/// Options that the reductions with periodic large batches share.
struct PeriodicOptions {
  std::uint32_t period = 10;  ///< steps from one large batch to the next
  std::uint32_t batches =
      10;  ///< mini-batches averaged in it; all of them make it the full gradient's estimate
  /// Throws Error naming the field out of range.
  void check() const {
    require(period >= 1, "period = {}: must be at least 1", period);
    require(batches >= 1, "batches = {}: must be at least 1", batches);
  }
};

}  // namespace zofo::variance::detail
