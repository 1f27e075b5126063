/// @file A finished run put back together: θ_K and the adapter that it serves.
#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/selected_model_file.hpp"

namespace zofo::llm {

/// The options that a run folder records.
inline Options read_options(const std::filesystem::path& run) {
  Options options;
  read_toml(options, run / "options.toml");
  options.check();
  return options;
}
/// The trajectory that a run folder holds. Throws Error with file and line.
inline std::vector<checkpoint::TrajectoryStep> read_trajectory(const std::filesystem::path& path) {
  return checkpoint::parse_trajectory(parse::read_file(path), path.string());
}
/// Reads a run folder and replays its trajectory onto `theta`, which is θ_0, as far as what is served says.
/// Throws Error (file, field) if it doesn't fit the model. θ_K is the run's to the bit where θ lies where it
/// lay in the run and in its precision.
template <class Theta>
Served restore(const std::filesystem::path& run, Theta& theta) {
  Served served = read_served(run, theta.config());
  const Options options = read_options(run);
  const auto trajectory = read_trajectory(run / "trajectory.jsonl");
  if (moves_backbone(options))
    replay(make_law(options, theta), make_outer(options), trajectory, served.steps, theta);
  return served;
}

}  // namespace zofo::llm
