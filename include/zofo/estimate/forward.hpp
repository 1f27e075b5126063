/// @file One-sided estimator.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝ = mean over q of [f(θ+εz) − f(θ)]/ε z, f(θ) shared by the queries: q + 1 losses instead of 2q, bias O(ε)
/// in a single estimate. Source: Nesterov & Spokoiny 2017, eq. (22).
struct Forward {
  Schedule epsilon = 1e-3;              ///< smoothing radius ε; larger where losses are noisy or rounded
  std::uint32_t queries = 1;            ///< q, independent directions averaged in a step
  std::optional<std::uint64_t> seed{};  ///< of the directions; unset: the solver's (0 without a solver)

  /// Throws Error naming the field out of range.
  void check() const { detail::check_estimator(epsilon, queries); }
  /// Takes the seed if none was given.
  void adopt_seed(std::uint64_t other) { seed = seed.value_or(other); }
  /// θ itself once, then +ε of each query; q + 1 in all.
  void probes(std::uint32_t step, std::vector<Probe>& out) const {
    detail::write_one_sided(step, epsilon.at(step), queries, seed.value_or(0), out);
  }
  /// Throws Error when the number of losses is wrong or one is not finite.
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
