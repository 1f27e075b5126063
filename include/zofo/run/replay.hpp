/// @file Replays a trajectory: θ_K from θ_0, bit for bit.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "zofo/bilevel/replay.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/runtime/any_outer.hpp"
#include "zofo/runtime/any_perturbation.hpp"

namespace zofo::llm {

/// Applies the updates of steps 0, …, to − 1 to θ_0 in the order of the run. Calls `before(k)` with θ as it
/// was before step k, k = 0, …, to. Returns the optimiser's state. Throws Error if the trajectory has fewer
/// steps.
template <class Theta, class Before>
AnyOuter::State<Theta> replay(const AnyPerturbation& perturbation, const AnyOuter& outer,
                              std::span<const TrajectoryStep> trajectory, std::uint32_t to, Theta& theta,
                              Before&& before) {
  require(to <= trajectory.size(), "trajectory: {} steps: step {} does not exist", trajectory.size(), to);
  ReplayState<AnyPerturbation, AnyOuter, Theta> state;
  zofo::replay(trajectory.first(to), perturbation, outer, theta, state, before);
  return std::move(state.outer);
}
/// replay() without calls between the steps.
template <class Theta>
AnyOuter::State<Theta> replay(const AnyPerturbation& perturbation, const AnyOuter& outer,
                              std::span<const TrajectoryStep> trajectory, std::uint32_t to, Theta& theta) {
  return replay(perturbation, outer, trajectory, to, theta, [](std::uint32_t) {});
}

}  // namespace zofo::llm
