/// @file Zeroth-order gradient descent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/schedule.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// Options of Sgd.
struct SgdOptions {
  Schedule rate = 1e-6;
  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }
};

/// θ ← θ − η ĝ, one fused pass over the weights a term; no memory beside θ (Malladi et al. 2023,
/// algorithm 1).
struct Sgd {
  using Options = SgdOptions;
  static constexpr bool linear = true;  ///< in the estimates
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;    ///< steps taken: the k of schedules
    std::vector<ZoTerm> moves;  ///< memory only, for a θ that takes all terms at once
  };
  Options options;

  /// Moves θ. Throws Error, nothing changed, when a coefficient is not finite.
  template <class Theta, Perturbation<Theta> Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    check_estimate(state.steps, gradient);
    const double rate = options.rate.at(state.steps);
    state.moves.clear();
    for (const ZoTerm& term : gradient.terms) {
      const double step = -rate * term.coefficient;
      if (step == 0.0) continue;
      if constexpr (MovesAlong<Theta, Law>)
        state.moves.push_back({term.direction, step});
      else
        law.add(theta, term.direction, step);
    }
    if constexpr (MovesAlong<Theta, Law>)
      if (!state.moves.empty()) move_along(theta, law, std::span<const ZoTerm>(state.moves));
    ++state.steps;
  }
};

}  // namespace zofo::outer
