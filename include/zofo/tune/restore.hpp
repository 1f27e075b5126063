/// @file A finished run put back together: θ_K and the adapter that it serves.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <utility>
#include <vector>

#include "zofo/peft/lora.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/tune/method_result.hpp"
#include "zofo/tune/run_folder.hpp"

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

/// Reads a run folder and replays its trajectory onto `theta`, which is θ_0. Throws Error (file, field) if it
/// doesn't fit the model. θ_K is the run's to the bit where θ lies where it lay in the run and in its
/// precision.
template <class Theta>
Restored restore(const std::filesystem::path& run, Theta& theta) {
  Served served = read_served(run / "adapter.bin");
  peft::Lora lora = make_lora(theta.config(), served.lora_rank, served.lora_alpha, served.lora_targets);
  const auto count = static_cast<std::size_t>(served.adapter.size());
  require(count == 0 || count == lora.size(), "{}: count = {}: an adapter of this model has {} numbers",
          (run / "adapter.bin").string(), count, lora.size());
  const std::vector<ZoTerm> moves = read_trajectory(run / "trajectory.jsonl");
  if (served.direction == "rademacher")
    replay(Rademacher{}, moves, theta);
  else
    replay(Gaussian{}, moves, theta);
  return {std::move(served), std::move(lora)};
}

}  // namespace zofo::tune
