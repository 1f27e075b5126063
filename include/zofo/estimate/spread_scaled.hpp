/// @file One-sided estimator whose length is scaled by the spread of its losses.
#pragma once

#include <cmath>

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = Σᵢ [f(θ+εzᵢ) − f(θ)] zᵢ / (q σ), σ the standard deviation of the q losses f(θ+εzᵢ): with
/// σ ≈ ε‖∇f‖ it estimates ∇f/‖∇f‖, so the step keeps its length whatever the scale of f (f → a f + b, a > 0,
/// leaves it as it is). Losses without any spread give ĝ = 0. Needs q ≥ 2.
/// Source: FZOO (Dang et al. 2025), its update with η/ε written η.
struct SpreadScaled {
  EstimatorOptions options{.queries = 8};

  /// Throws Error naming the field out of range.
  void check() const {
    options.check();
    require(options.queries >= 2, "queries = {}: a spread needs at least 2", options.queries);
  }
  /// θ itself once, then +ε of each query; q + 1 in all.
  void write_probes(std::uint32_t step, std::vector<Probe>& list) const {
    detail::write_one_sided(options, step, list);
  }
  /// Throws Error when the number of losses is wrong or one is not finite.
  void write_estimate(std::uint32_t step, std::span<const double> losses, ZoGradient& estimate) const {
    require(options.queries >= 2, "queries = {}: a spread needs at least 2", options.queries);
    detail::check_losses(step, std::size_t{1} + options.queries, losses);
    const double sigma = deviation(losses.subspan(1));
    estimate.terms.clear();
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const double difference = losses[std::size_t{1} + query] - losses[0];
      const double scaled = sigma > 0.0 ? difference / sigma / options.queries : 0.0;
      estimate.terms.push_back({{options.seed, step, query}, scaled});
    }
  }
  /// The probes of a step.
  [[nodiscard]] std::vector<Probe> probes(std::uint32_t step) const {
    std::vector<Probe> list;
    write_probes(step, list);
    return list;
  }
  /// Losses in the order of `probes`. Throws Error when their number is wrong or one is not finite.
  [[nodiscard]] ZoGradient combine(std::uint32_t step, std::span<const double> losses) const {
    ZoGradient estimate;
    write_estimate(step, losses, estimate);
    return estimate;
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
