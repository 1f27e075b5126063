/// @file One-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ)]/ε z: q + 1 losses instead of 2q, bias O(ε) in a single draw.
struct Forward {
  EstimatorOptions options;

  /// θ itself once, then +ε of each query; q + 1 in all.
  [[nodiscard]] std::vector<Probe> probes(std::uint32_t step) const {
    std::vector<Probe> list{{{options.seed, step, 0}, 0.0}};
    for (std::uint32_t query = 0; query < options.queries; ++query)
      list.push_back({{options.seed, step, query}, options.epsilon});
    return list;
  }

  /// Losses in the order of `probes`. Throws Error when their number is wrong or one is not finite.
  [[nodiscard]] ZoGradient combine(std::uint32_t step, std::span<const double> losses) const {
    detail::check_losses(step, std::size_t{1} + options.queries, losses);
    ZoGradient estimate;
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const double projected = (losses[std::size_t{1} + query] - losses[0]) / options.epsilon;
      estimate.terms.push_back({{options.seed, step, query}, projected / options.queries});
    }
    return estimate;
  }
};

}  // namespace zofo
