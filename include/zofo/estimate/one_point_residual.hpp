/// @file One-point estimator with residual feedback.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝₖ = mean over q of [f(θₖ + ε zₖ) − f(θₖ₋₁ + ε zₖ₋₁)]/ε zₖ, the second loss of the step before: q losses a
/// step instead of 2q. Unbiased like Forward, as zₖ is independent of the step before; on a linear f at a
/// fixed θ and Gaussian z, E‖ĝ‖² = (2d + 2)‖∇f‖² for q = 1, against d + 2. The first step has no step before:
/// ĝ₀ = 0. Use it where a loss may be asked for once only, as of a system that runs.
/// Source: Zhang, Zhou, Ji & Zavlanos, "A new one-point residual-feedback oracle for black-box learning and
/// control", Automatica 136 (2022), eq. (2).
struct OnePointResidual {
  Schedule epsilon = 1e-3;              ///< smoothing radius ε; larger where losses are noisy or rounded
  std::uint32_t queries = 1;            ///< q, independent directions averaged in a step
  std::optional<std::uint64_t> seed{};  ///< of the directions; unset: the solver's (0 without a solver)

  struct State {
    std::vector<double> previous;  ///< losses of the step before, one a query; empty before the first step
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      archive(previous);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const { detail::check_estimator(epsilon, queries); }
  /// Takes the seed if none was given.
  void adopt_seed(std::uint64_t other) { seed = seed.value_or(other); }
  /// +ε of each query, q in all.
  void probes(std::uint32_t step, const State& /*state*/, std::vector<Probe>& out) const {
    out.clear();
    detail::append_forward_probes(step, epsilon.at(step), queries, seed.value_or(0), out);
  }
  /// Throws Error, the state as before, when the number of losses is wrong, one is not finite, or the state
  /// is that of another number of queries.
  void combine(std::uint32_t step, std::span<const double> losses, State& state, ZoGradient& out) const {
    detail::check_losses(step, queries, losses);
    require(state.previous.empty() || state.previous.size() == queries,
            "step {}: the state holds {} losses of the step before, queries = {}: must be as many", step,
            state.previous.size(), queries);
    const double radius = epsilon.at(step);
    out.terms.clear();
    out.queries = queries;
    for (std::uint32_t query = 0; query < queries; ++query) {
      const double residual = state.previous.empty() ? 0.0 : losses[query] - state.previous[query];
      out.terms.push_back({{seed.value_or(0), step, query}, residual / radius / queries});
    }
    state.previous.assign(losses.begin(), losses.end());
  }
};

}  // namespace zofo
