/// @file Two-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ−εz)]/(2ε) z; on a quadratic exact in the mean for every ε (THEORY.md
/// E1). Source: Nesterov & Spokoiny 2017, eq. (22); Malladi et al. 2023 (MeZO), definition 1.
struct Central {
  EstimatorOptions options;

  /// +ε then −ε of each query, 2q in all.
  void write_probes(std::uint32_t step, std::vector<Probe>& list) const {
    const double epsilon = options.epsilon.at(step);
    list.clear();
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const Direction direction{options.seed, step, query};
      list.push_back({direction, epsilon});
      list.push_back({direction, -epsilon});
    }
  }
  /// Throws Error when the number of losses is wrong or one is not finite.
  void write_estimate(std::uint32_t step, std::span<const double> losses, ZoGradient& estimate) const {
    detail::check_losses(step, std::size_t{2} * options.queries, losses);
    const double width = 2.0 * options.epsilon.at(step);
    estimate.terms.clear();
    for (std::uint32_t query = 0; query < options.queries; ++query) {
      const double difference = losses[std::size_t{2} * query] - losses[std::size_t{2} * query + 1];
      estimate.terms.push_back({{options.seed, step, query}, difference / width / options.queries});
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
