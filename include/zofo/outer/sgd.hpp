/// @file Zeroth-order gradient descent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/schedule.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// θ ← θ − η ĝ, one fused pass over the weights a term; no memory of θ's size (Malladi et al. 2023,
/// algorithm 1).
struct Sgd {
  static constexpr bool linear = true;  ///< in the estimates
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;    ///< steps taken: the k of schedules
    std::vector<ZoTerm> terms;  ///< scratch memory, for a θ that takes all terms at once
    /// What a saved state holds.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps);
    }
  };
  Schedule rate = 1e-6;  ///< η

  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }
  /// Throws Error when a coefficient is not finite, or the perturbation lacks a direction on θ's shape.
  template <class Theta, Perturbation<Theta> D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
  }
  /// Updates θ. Throws as check_update does, nothing changed.
  template <class Theta, Perturbation<Theta> D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    check_update(theta, perturbation, gradient, state);
    const double rate_now = rate.at(state.steps);
    state.terms.clear();
    for (const ZoTerm& term : gradient.terms) {
      const double step = -rate_now * term.coefficient;
      if (step == 0.0) continue;
      if constexpr (AppliesUpdate<Theta, D>)
        state.terms.push_back({term.direction, step});
      else
        perturbation.add(theta, term.direction, step);
    }
    if constexpr (AppliesUpdate<Theta, D>)
      if (!state.terms.empty()) apply_update(theta, perturbation, std::span<const ZoTerm>(state.terms));
    ++state.steps;
  }
};

}  // namespace zofo::outer
