/// @file One-point estimator with residual feedback.
#pragma once

#include "zofo/estimate/estimator.hpp"

namespace zofo {

/// ĝₖ = mean over q of [f(θₖ + ε zₖ) − f(θₖ₋₁ + ε zₖ₋₁)]/ε zₖ, where the second loss is from the previous
/// step: q losses per step instead of 2q. Its bias is that of Forward, since zₖ is independent of the
/// previous step. On a linear f at a fixed θ with Gaussian z, E‖ĝ‖² = (2d + 2)‖∇f‖² for q = 1, instead of d +
/// 2. At the first step ĝ₀ = 0. Use it if each loss can be evaluated only once, for example in a running
/// system. Source: Zhang, Zhou, Ji & Zavlanos, "A new one-point residual-feedback oracle for black-box
/// learning and control", Automatica 136 (2022), eq. (2).
struct OnePointResidual {
  /// Smoothing radius ε, in θ's units (a direction has length √d). Raise it if losses are noisy or rounded;
  /// lower it if the loss is strongly curved. May be a Schedule.
  Schedule epsilon = 1e-3;
  /// q, the number of independent directions averaged per step. More lower the variance by 1/q and cost
  /// q evaluations per step.
  std::uint32_t queries = 1;
  /// Seed of the directions; unset: the solver's (0 without a solver). Set it to use other directions.
  std::optional<std::uint64_t> seed{};

  /// What survives between steps.
  struct State {
    /// Losses of the previous step, one per query; empty before the first step.
    std::vector<double> previous;
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(previous);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const { detail::check_estimator(epsilon, queries); }
  /// Sets the seed if none was given.
  void adopt_seed(std::uint64_t other) { seed = seed.value_or(other); }
  /// The probes of a step: +ε for each query, q in all.
  void probes(std::uint32_t step, const State& /*state*/, std::vector<Probe>& out) const {
    out.clear();
    detail::append_forward_probes(step, epsilon.at(step), queries, seed.value_or(0), out);
  }
  /// Writes the estimate from the losses at the probes, and saves the losses in the state. Throws Error,
  /// without a change of the state, when the number of losses is wrong, one is not finite, or the state has
  /// another number of queries.
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
