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
#include "zofo/core/zo_gradient.hpp"

namespace zofo {

/// Two pure functions: the probes of a step, and from their losses the estimate.
template <class E>
concept OuterZOEstimator = requires(const E& e, std::uint32_t step, std::span<const double> losses) {
  { e.probes(step) } -> std::same_as<std::vector<Probe>>;
  { e.combine(step, losses) } -> std::same_as<ZoGradient>;
};

/// Options that the estimators share.
struct EstimatorOptions {
  double epsilon = 1e-3;      ///< smoothing radius ε
  std::uint32_t queries = 1;  ///< q, independent directions averaged in a step
  std::uint64_t seed = 0;     ///< seed of the directions

  /// Throws Error naming the field out of range.
  void check() const {
    require(std::isfinite(epsilon) && epsilon > 0.0, "epsilon = {}: must be a positive finite number",
            epsilon);
    require(queries >= 1 && queries <= 65536, "queries = {}: must be in [1, 65536]", queries);
  }
};

namespace detail {

/// A loss that is not a number would spread to every weight: stop and say where it came from.
inline void check_losses(std::uint32_t step, std::size_t wanted, std::span<const double> losses) {
  require(losses.size() == wanted, "step {}: {} losses given for {} probes", step, losses.size(), wanted);
  for (std::size_t i = 0; i < wanted; ++i)
    require(std::isfinite(losses[i]),
            "step {}: the loss of probe {} is {}: must be finite (a lower rate may help)", step, i,
            losses[i]);
}

}  // namespace detail

}  // namespace zofo
