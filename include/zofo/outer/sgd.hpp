/// @file Zeroth-order gradient descent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/schedule.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// θ ← θ − η ĝ, with one fused pass over the weights per term and no memory of θ's size (Malladi et al. 2023,
/// algorithm 1; docs/results/theory, C1).
struct Sgd {
  static constexpr bool linear = true;  ///< an update is linear in the estimates
  /// What survives between steps.
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;    ///< steps taken: the k of schedules
    std::vector<ZoTerm> terms;  ///< scratch memory, for a θ with apply_update
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps);
    }
  };
  /// η, learning rate. Theory: 1/(4(d + 4)ℓ) with ℓ the smoothness of the loss (docs/results/theory, C1).
  /// Lower it if the loss grows. May be a Schedule.
  Schedule rate = 1e-6;

  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }
  /// Throws Error when a coefficient is not finite, or the perturbation lacks a direction on θ's shape.
  template <class Theta, Perturbation<Theta> D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
  }
  /// Updates θ. Throws Error as check_update does; θ and the state are unchanged then.
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
