/// @file One-sided estimator whose length is scaled by the standard deviation of its losses.
#pragma once

#include <cmath>

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = Σᵢ [f(θ+εzᵢ) − f(θ)] zᵢ / (q σ), with σ the standard deviation of the q losses f(θ+εzᵢ). As σ ≈ ε‖∇f‖,
/// it estimates ∇f/‖∇f‖, so the length of an update does not depend on the scale of f: a f + b with a > 0
/// gives the same estimate (docs/results/theory, E9). Equal losses give ĝ = 0. Needs q ≥ 2. Source: FZOO
/// (Dang et al. 2025), with η in the place of its η/ε.
struct StdNormalized {
  /// Smoothing radius ε, in θ's units (a direction has length √d). Raise it if losses are noisy or rounded;
  /// lower it if the loss is strongly curved. May be a Schedule.
  Schedule epsilon = 1e-3;
  /// q, the number of independent directions averaged per step, at least 2. σ is estimated from q losses:
  /// more queries make the length of updates steadier and cost q + 1 evaluations per step.
  std::uint32_t queries = 8;
  /// Seed of the directions; unset: the solver's (0 without a solver). Set it to use other directions.
  std::optional<std::uint64_t> seed{};

  /// Throws Error naming the field out of range.
  void check() const {
    detail::check_estimator(epsilon, queries);
    require(queries >= 2, "queries = {}: a standard deviation needs at least 2", queries);
  }
  /// Sets the seed if none was given.
  void adopt_seed(std::uint64_t other) { seed = seed.value_or(other); }
  /// The probes of a step: θ itself once, then +ε for each query; q + 1 in all.
  void probes(std::uint32_t step, std::vector<Probe>& out) const {
    detail::write_one_sided(step, epsilon.at(step), queries, seed.value_or(0), out);
  }
  /// Writes the estimate from the losses at the probes. Throws Error when the number of losses is wrong or
  /// one is not finite.
  void combine(std::uint32_t step, std::span<const double> losses, ZoGradient& out) const {
    require(queries >= 2, "queries = {}: a standard deviation needs at least 2", queries);
    detail::check_losses(step, std::size_t{1} + queries, losses);
    const double sigma = deviation(losses.subspan(1));
    out.terms.clear();
    out.queries = queries;
    for (std::uint32_t query = 0; query < queries; ++query) {
      const double difference = losses[std::size_t{1} + query] - losses[0];
      const double scaled = sigma > 0.0 ? difference / sigma / queries : 0.0;
      out.terms.push_back({{seed.value_or(0), step, query}, scaled});
    }
  }

 private:
  static double deviation(std::span<const double> x) {
    double mean = 0.0, squares = 0.0;
    for (const double value : x) mean += value / static_cast<double>(x.size());
    for (const double value : x) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / static_cast<double>(x.size() - 1));
  }
};

}  // namespace zofo
