/// @file A control: an estimate whose sign is drawn at random.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// The estimate of another estimator times a sign that a coin keyed by (seed, step) throws. Its steps are as
/// long as the other's and of the same law of directions, but follow nothing: what a run with it does is
/// drift.
template <OuterZOEstimator Estimator>
struct RandomSign {
  Estimator estimator;
  std::uint64_t seed = 0;

  /// Throws Error naming the field out of range.
  void check() const {
    if constexpr (requires { estimator.check(); })
      estimator.check();
    else if constexpr (requires { estimator.options.check(); })
      estimator.options.check();
  }
  /// +1 or −1.
  [[nodiscard]] double sign(std::uint32_t step) const {
    constexpr std::uint32_t stream = stream_number(SingleStream::random_sign);
    return (PhiloxStream{{seed, step, 0}, stream}.block(0)[0] & 1U) == 0 ? 1.0 : -1.0;
  }
  [[nodiscard]] std::vector<Probe> probes(std::uint32_t step) const { return estimator.probes(step); }
  /// Throws Error as the estimator does.
  [[nodiscard]] ZoGradient combine(std::uint32_t step, std::span<const double> losses) const {
    ZoGradient estimate = estimator.combine(step, losses);
    for (ZoTerm& term : estimate.terms) term.coefficient *= sign(step);
    return estimate;
  }
};

}  // namespace zofo
