/// @file A control: an estimate whose sign is chosen at random.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// The estimate of another estimator times a random sign keyed by (seed, step). Its updates have the same
/// lengths and directions as the other's, but their mean is zero. A run with it is the control that shows how
/// much of a result is due to the gradient.
template <class Estimator>
struct RandomSign {
  static_assert(
      OuterZOEstimator<Estimator>,
      "zofo: RandomSign needs a stateless estimator with probes(step, out) and combine(step, losses, "
      "out) (concept OuterZOEstimator)");
  Estimator estimator;                  ///< whose estimate gets the sign
  std::optional<std::uint64_t> seed{};  ///< of the signs; unset: the solver's (0 without a solver)

  /// Throws Error naming the field of the estimator that is out of range.
  void check() const { check_policy(estimator); }
  /// Sets the seeds of the signs and of the directions that were not given.
  void adopt_seed(std::uint64_t other) {
    seed = seed.value_or(other);
    zofo::adopt_seed(estimator, other);
  }
  /// The sign of a step: +1 or −1.
  [[nodiscard]] double sign(std::uint32_t step) const {
    constexpr std::uint32_t stream = stream_number(SingleStream::random_sign);
    return (PhiloxStream{{seed.value_or(0), step, 0}, stream}.block(0)[0] & 1U) == 0 ? 1.0 : -1.0;
  }
  /// The estimator's probes.
  void probes(std::uint32_t step, std::vector<Probe>& out) const { estimator.probes(step, out); }
  /// Writes the estimate from the losses at the probes. Throws Error as the estimator does.
  void combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const {
    estimator.combine(step, losses, out);
    for (ZoTerm& term : out.terms) term.coefficient *= sign(step);
  }
};

template <class Estimator>
RandomSign(Estimator, std::optional<std::uint64_t>) -> RandomSign<Estimator>;
template <class Estimator>
RandomSign(Estimator) -> RandomSign<Estimator>;

}  // namespace zofo
