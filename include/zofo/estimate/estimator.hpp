/// @file Concepts of zeroth-order estimators, and functions that the library's estimators share.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "zofo/core/checkable.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/core/seedable.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo {

/// Two pure functions: `probes(step, out)` overwrites `out` with the probes of a step, and
/// `combine(step, losses, out)` overwrites `out` with the estimate, including `queries`; losses are in the
/// order of the probes. Both write into memory that the caller reuses, so that a step allocates nothing.
template <class E>
concept OuterZOEstimator = requires(const E& estimator, std::uint32_t step, std::span<const double> losses,
                                    std::vector<Probe>& probes, ZoGradient& estimate) {
  estimator.probes(step, probes);
  estimator.combine(step, losses, estimate);
};

/// An estimator that uses data of earlier steps: `State`, `probes(step, state, out)` and
/// `combine(step, losses, state, out)`, which may change the state. The solver passes a copy of the
/// state, and adopts it if the step succeeds.
template <class E>
concept StatefulEstimator = std::default_initializable<typename E::State> &&
                            requires(const E& estimator, std::uint32_t step, std::span<const double> losses,
                                     const typename E::State& before, typename E::State& state,
                                     std::vector<Probe>& probes, ZoGradient& estimate) {
                              estimator.probes(step, before, probes);
                              estimator.combine(step, losses, state, estimate);
                            };

/// An estimator of either form.
template <class E>
concept ZOEstimator = OuterZOEstimator<E> || StatefulEstimator<E>;

/// The probes of a step as a new vector.
template <OuterZOEstimator E>
[[nodiscard]] std::vector<Probe> probes_of(const E& estimator, std::uint32_t step) {
  std::vector<Probe> probes;
  estimator.probes(step, probes);
  return probes;
}
/// The estimate of a step as a new value. Throws Error as the estimator does: when the number of
/// losses is wrong or one is not finite.
template <OuterZOEstimator E>
[[nodiscard]] ZoGradient estimate_of(const E& estimator, std::uint32_t step, std::span<const double> losses) {
  ZoGradient estimate;
  estimator.combine(step, losses, estimate);
  return estimate;
}

namespace detail {

/// The options that the library's estimators share. Throws Error naming the field out of range.
inline void check_estimator(const Schedule& epsilon, std::uint32_t queries) {
  epsilon.check("epsilon", 1e-300, 1e300);
  require(queries >= 1 && queries <= 65536, "queries = {}: must be in [1, 65536]", queries);
}

/// A loss that is not finite would make every weight NaN, so this throws Error naming the step and the probe.
inline void check_losses(std::uint32_t step, std::size_t wanted, std::span<const double> losses) {
  require(losses.size() == wanted, "step {}: {} losses given for {} probes", step, losses.size(), wanted);
  for (std::size_t i = 0; i < wanted; ++i)
    require(std::isfinite(losses[i]),
            "step {}: the loss of probe {} is {}: must be finite (a lower rate may help)", step, i,
            losses[i]);
}

/// +ε of each query.
inline void append_forward_probes(std::uint32_t step, double epsilon, std::uint32_t queries,
                                  std::uint64_t seed, std::vector<Probe>& out) {
  for (std::uint32_t query = 0; query < queries; ++query) out.push_back({{seed, step, query}, epsilon});
}

/// θ itself once, then +ε of each query: the probes of the one-sided estimators.
inline void write_one_sided(std::uint32_t step, double epsilon, std::uint32_t queries, std::uint64_t seed,
                            std::vector<Probe>& out) {
  out.clear();
  out.push_back({{seed, step, 0}, 0.0});
  append_forward_probes(step, epsilon, queries, seed, out);
}

}  // namespace detail

}  // namespace zofo
