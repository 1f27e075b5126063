/// @file Computes θ_K from θ_0 and a trajectory, equal to the bit, without an evaluation.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "zofo/bilevel/perturbation_state.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo {

/// The state of a replay between updates. It equals the solver's state at the same step, so that a solver can
/// continue from it.
template <class D, class O, class Theta>
struct ReplayState {
  std::uint32_t step = 0;                   ///< updates applied so far
  PerturbationState<D> perturbation;        ///< state of the perturbation distribution
  typename O::template State<Theta> outer;  ///< state of the outer optimiser
  /// The fields that a saved state contains.
  template <class A>
  void fields(A& archive) {
    archive(step, perturbation, outer);
  }
};

/// Applies the updates to θ as the run did: with the perturbation distribution and the state of the outer
/// optimiser of each step. `updates` start at step state.step. Before step k, and once after the last step,
/// `before(k)` is called; θ then has the value of step k. Throws Error when a step is missing or the
/// optimiser throws; θ and the state are then those after the last complete update.
template <class D, class O, class Theta, class Before>
void replay(std::span<const TrajectoryStep> updates, const D& perturbation, const O& outer, Theta& theta,
            ReplayState<D, O, Theta>& state, Before&& before) {
  static_assert(
      outer::OuterOptimizer<O, Theta, ActivePerturbation<D>>,
      "zofo: replay needs an Outer with State<Theta> and apply(theta, perturbation, gradient, state) "
      "(concept OuterOptimizer)");
  for (const TrajectoryStep& update : updates) {
    require(update.step == state.step, "replay: an update of step {}: must be of step {}", update.step,
            state.step);
    before(update.step);
    PerturbationState<D> learnt = state.perturbation;
    learn_from_update(perturbation, update.update, learnt);
    decltype(auto) active = active_perturbation(perturbation, state.perturbation);
    outer.apply(theta, active, update.update, state.outer);
    std::swap(state.perturbation, learnt);
    ++state.step;
  }
  before(state.step);
}
/// The same from θ_0; returns the state after the last update.
template <class D, class O, class Theta>
ReplayState<D, O, Theta> replay(std::span<const TrajectoryStep> updates, const D& perturbation,
                                const O& outer, Theta& theta) {
  ReplayState<D, O, Theta> state;
  replay(updates, perturbation, outer, theta, state, [](std::uint32_t) {});
  return state;
}

}  // namespace zofo
