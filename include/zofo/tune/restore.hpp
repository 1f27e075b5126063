/// @file A finished run put back together: θ_K and the adapter that it serves.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <utility>
#include <vector>

#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/tune/adapter_file.hpp"
#include "zofo/tune/method_result.hpp"
#include "zofo/tune/options_toml.hpp"
#include "zofo/tune/policies.hpp"
#include "zofo/tune/replay.hpp"

namespace zofo::tune {

/// The served adapter of a finished run and its layout.
struct Restored {
  Served served;
  peft::Lora lora;
  /// Null if the run serves the backbone alone.
  [[nodiscard]] const Eigen::VectorXf* adapter() const {
    return served.adapter.size() > 0 ? &served.adapter : nullptr;
  }
};

/// The options that a run folder records.
inline Options read_options(const std::filesystem::path& run) {
  Options options;
  read_toml(options, run / "options.toml");
  options.check();
  return options;
}
/// The trajectory that a run folder holds. Throws Error with file and line.
inline std::vector<checkpoint::TrajectoryStep> read_trajectory(const std::filesystem::path& path) {
  return checkpoint::parse_trajectory(checkpoint::read_all(path), path.string());
}
/// True if the run's zeroth-order steps moved the backbone.
inline bool moves_backbone(const Options& options) {
  return trains(options) == Trains::both_levels || trains(options) == Trains::backbone;
}

/// Reads a run folder and replays its trajectory onto `theta`, which is θ_0, as far as what is served says.
/// Throws Error (file, field) if it doesn't fit the model. θ_K is the run's to the bit where θ lies where it
/// lay in the run and in its precision.
template <class Theta>
Restored restore(const std::filesystem::path& run, Theta& theta) {
  Served served = read_served(run / "adapter.bin");
  peft::Lora lora = make_lora(theta.config(), served.lora_rank, served.lora_alpha, served.lora_targets);
  const auto count = static_cast<std::size_t>(served.adapter.size());
  require(count == 0 || count == lora.size(), "{}: count = {}: an adapter of this model has {} numbers",
          (run / "adapter.bin").string(), count, lora.size());
  const Options options = read_options(run);
  const auto trajectory = read_trajectory(run / "trajectory.jsonl");
  if (moves_backbone(options))
    replay(make_law(options, theta), make_outer(options), trajectory, served.steps, theta);
  return {std::move(served), std::move(lora)};
}

}  // namespace zofo::tune
