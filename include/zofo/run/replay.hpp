/// @file θ_K from θ_0 and a trajectory, to the bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/runtime/any_outer.hpp"
#include "zofo/runtime/any_perturbation.hpp"

namespace zofo::llm {

/// Applies the updates of steps 0, …, to − 1 to θ_0 as the run did; `before(k)` is called with θ as it was before
/// step k, k = 0, …, to. Returns the optimiser's state. Throws Error if the trajectory ends before.
template <class Theta, class Before>
AnyOuter::State<Theta> replay(const AnyPerturbation& perturbation, const AnyOuter& outer,
                              std::span<const checkpoint::TrajectoryStep> trajectory, std::uint32_t to,
                              Theta& theta, Before&& before) {
  require(to <= trajectory.size(), "trajectory: {} steps: step {} was asked for", trajectory.size(), to);
  AnyOuter::State<Theta> state;
  for (const checkpoint::TrajectoryStep& step : trajectory.first(to)) {
    before(step.step);
    outer.apply(theta, perturbation, step.update, state);
  }
  before(to);
  return state;
}
template <class Theta>
AnyOuter::State<Theta> replay(const AnyPerturbation& perturbation, const AnyOuter& outer,
                              std::span<const checkpoint::TrajectoryStep> trajectory, std::uint32_t to,
                              Theta& theta) {
  return replay(perturbation, outer, trajectory, to, theta, [](std::uint32_t) {});
}

/// The trajectory that a file holds. Throws Error with file and line.
inline std::vector<checkpoint::TrajectoryStep> read_trajectory(const std::filesystem::path& path) {
  return checkpoint::parse_trajectory(parse::read_file(path), path.string());
}

}  // namespace zofo::llm
