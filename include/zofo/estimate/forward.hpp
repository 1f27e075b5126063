/// @file One-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ)]/ε z. The queries share f(θ), so it needs q + 1 losses instead of 2q; a
/// single estimate has an error of O(ε) (docs/results/theory, E2). Source: Nesterov & Spokoiny 2017, eq.
/// (22).
struct Forward {
  /// Smoothing radius ε, in θ's units (a direction has length √d). Raise it if losses are noisy or rounded;
  /// lower it if the loss is strongly curved. May be a Schedule.
  Schedule epsilon = 1e-3;
  /// q, the number of independent directions averaged per step. More lower the variance by 1/q and cost
  /// q + 1 evaluations per step.
  std::uint32_t queries = 1;
  /// Seed of the directions; unset: the solver's (0 without a solver). Set it to use other directions.
  std::optional<std::uint64_t> seed{};

  /// Throws Error naming the field out of range.
  void check() const { detail::check_estimator(epsilon, queries); }
  /// Sets the seed if none was given.
  void adopt_seed(std::uint64_t other) { seed = seed.value_or(other); }
  /// The probes of a step: θ itself once, then +ε for each query; q + 1 in all.
  void probes(std::uint32_t step, std::vector<Probe>& out) const {
    detail::write_one_sided(step, epsilon.at(step), queries, seed.value_or(0), out);
  }
  /// Writes the estimate from the losses at the probes. Throws Error when the number of losses is wrong or
  /// one is not finite.
  void combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const {
    detail::check_losses(step, std::size_t{1} + queries, losses);
    const double radius = epsilon.at(step);
    out.terms.clear();
    out.queries = queries;
    for (std::uint32_t query = 0; query < queries; ++query) {
      const double projected = (losses[std::size_t{1} + query] - losses[0]) / radius;
      out.terms.push_back({{seed.value_or(0), step, query}, projected / queries});
    }
  }
};

}  // namespace zofo
