/// @file Two-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ−εz)]/(2ε) z; on a quadratic exact in the mean for every ε (THEORY.md
/// E1).
struct Central {
  EstimatorOptions options;

  /// +ε then −ε of each query, 2q in all.
  [[nodiscard]] std::vector<Probe> probes(std::uint32_t step) const {
    std::vector<Probe> list;
    list.reserve(std::size_t{2} * options.queries);
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const Direction direction{options.seed, step, query};
      list.push_back({direction, options.epsilon});
      list.push_back({direction, -options.epsilon});
    }
    return list;
  }

  /// Losses in the order of `probes`. Throws Error when their number is wrong or one is not finite.
  [[nodiscard]] ZoGradient combine(std::uint32_t step, std::span<const double> losses) const {
    detail::check_losses(step, std::size_t{2} * options.queries, losses);
    ZoGradient estimate;
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const double difference = losses[std::size_t{2} * query] - losses[std::size_t{2} * query + 1];
      const double projected = difference / (2.0 * options.epsilon);
      estimate.terms.push_back({{options.seed, step, query}, projected / options.queries});
    }
    return estimate;
  }
};

}  // namespace zofo
