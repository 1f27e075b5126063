/// @file One-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ)]/ε z, f(θ) shared by the queries: q + 1 losses instead of 2q, bias O(ε)
/// in a single draw. Source: Nesterov & Spokoiny 2017, eq. (22).
struct Forward {
  EstimatorOptions options;

  /// θ itself once, then +ε of each query; q + 1 in all.
  void write_probes(std::uint32_t step, std::vector<Probe>& list) const {
    detail::write_one_sided(options, step, list);
  }
  /// Throws Error when the number of losses is wrong or one is not finite.
  void write_estimate(std::uint32_t step, std::span<const double> losses, ZoGradient& estimate) const {
    detail::check_losses(step, std::size_t{1} + options.queries, losses);
    const double epsilon = options.epsilon.at(step);
    estimate.terms.clear();
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const double projected = (losses[std::size_t{1} + query] - losses[0]) / epsilon;
      estimate.terms.push_back({{options.seed, step, query}, projected / options.queries});
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
};

}  // namespace zofo
