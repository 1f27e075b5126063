/// @file Two-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ−εz)]/(2ε) z, from 2q evaluations. It is unbiased on a quadratic for
/// every ε (docs/results/theory, E1); the bias is O(ε²) in general (docs/results/theory, E2). Source:
/// Nesterov & Spokoiny 2017, eq. (22); Malladi et al. 2023 (MeZO), definition 1.
struct Central {
  /// Smoothing radius ε, in θ's units (a direction has length √d). Raise it if losses are noisy or rounded;
  /// lower it if the loss is strongly curved. May be a Schedule.
  Schedule epsilon = 1e-3;
  /// q, the number of independent directions averaged per step. More lower the variance by 1/q and cost
  /// 2q evaluations per step.
  std::uint32_t queries = 1;
  /// Seed of the directions; unset: the solver's (0 without a solver). Set it to use other directions.
  std::optional<std::uint64_t> seed{};

  /// Throws Error naming the field out of range.
  void check() const { detail::check_estimator(epsilon, queries); }
  /// Sets the seed if none was given.
  void adopt_seed(std::uint64_t other) { seed = seed.value_or(other); }
  /// The probes of a step: +ε, then −ε, for each query; 2q in all.
  void probes(std::uint32_t step, std::vector<Probe>& out) const {
    const double radius = epsilon.at(step);
    out.clear();
    for (std::uint32_t query = 0; query < queries; ++query) {
      const Direction direction{seed.value_or(0), step, query};
      out.push_back({direction, radius});
      out.push_back({direction, -radius});
    }
  }
  /// Writes the estimate from the losses at the probes. Throws Error when the number of losses is wrong or
  /// one is not finite.
  void combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const {
    detail::check_losses(step, std::size_t{2} * queries, losses);
    const double width = 2.0 * epsilon.at(step);
    out.terms.clear();
    out.queries = queries;
    for (std::uint32_t query = 0; query < queries; ++query) {
      const double difference = losses[std::size_t{2} * query] - losses[std::size_t{2} * query + 1];
      out.terms.push_back({{seed.value_or(0), step, query}, difference / width / queries});
    }
  }
};

}  // namespace zofo
