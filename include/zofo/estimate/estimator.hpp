/// @file Concept and options of zeroth-order estimators.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo {

/// Two pure functions: the probes of a step, and from their losses the estimate.
template <class E>
concept OuterZOEstimator = requires(const E& e, std::uint32_t step, std::span<const double> losses) {
  { e.probes(step) } -> std::same_as<std::vector<Probe>>;
  { e.combine(step, losses) } -> std::same_as<ZoGradient>;
};

/// Refinement: writes both into memory that the caller keeps, so that a step allocates nothing.
template <class E>
concept WritesInPlace = OuterZOEstimator<E> &&
    requires(const E& e, std::uint32_t step, std::span<const double> losses, std::vector<Probe>& probes,
             ZoGradient& estimate) {
  e.write_probes(step, probes);
  e.write_estimate(step, losses, estimate);
};

/// Options that the estimators share.
struct EstimatorOptions {
  Schedule epsilon = 1e-3;    ///< smoothing radius ε
  std::uint32_t queries = 1;  ///< q, independent directions averaged in a step
  std::uint64_t seed = 0;     ///< seed of the directions

  /// Throws Error naming the field out of range.
  void check() const {
    epsilon.check("epsilon", 1e-300, 1e300);
    require(queries >= 1 && queries <= 65536, "queries = {}: must be in [1, 65536]", queries);
  }
};

/// The probes of a step written over `probes`, by whichever form the estimator has.
template <OuterZOEstimator E>
void list_probes(const E& estimator, std::uint32_t step, std::vector<Probe>& probes) {
  if constexpr (WritesInPlace<E>)
    estimator.write_probes(step, probes);
  else
    probes = estimator.probes(step);
}
/// The estimate of a step written over `estimate`, by whichever form the estimator has.
template <OuterZOEstimator E>
void combine_losses(const E& estimator, std::uint32_t step, std::span<const double> losses,
                    ZoGradient& estimate) {
  if constexpr (WritesInPlace<E>)
    estimator.write_estimate(step, losses, estimate);
  else
    estimate = estimator.combine(step, losses);
}

namespace detail {

/// A loss that is not a number would spread to every weight: stop and say where it came from.
inline void check_losses(std::uint32_t step, std::size_t wanted, std::span<const double> losses) {
  require(losses.size() == wanted, "step {}: {} losses given for {} probes", step, losses.size(), wanted);
  for (std::size_t i = 0; i < wanted; ++i)
    require(std::isfinite(losses[i]),
            "step {}: the loss of probe {} is {}: must be finite (a lower rate may help)", step, i,
            losses[i]);
}

/// θ itself once, then +ε of each query: what the one-sided estimators ask for.
inline void write_one_sided(const EstimatorOptions& options, std::uint32_t step, std::vector<Probe>& list) {
  list.clear();
  list.push_back({{options.seed, step, 0}, 0.0});
  for (std::uint32_t query = 0; query < options.queries; ++query)
    list.push_back({{options.seed, step, query}, options.epsilon.at(step)});
}

}  // namespace detail

}  // namespace zofo
