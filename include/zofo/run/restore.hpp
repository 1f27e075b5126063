/// @file Restores the selected model of a finished fine-tuning: θ_K and the adapter.
#pragma once

#include <filesystem>

#include "zofo/config/options_toml.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/selected_model_file.hpp"
#include "zofo/runtime/make_policies.hpp"

namespace zofo::llm {

/// The options of a run folder; its options.toml may contain old names of options, each of which adds a hint.
/// The folder of a meta-training is recognised by its meta.json. Throws Error naming file and field.
RunOptions read_options(const std::filesystem::path& run, Hints* hints = nullptr);

/// Reads a run folder and replays its trajectory on `theta`, which is θ_0, up to the selected step. θ is
/// equal to the run's bit for bit if device and precision are those of the run. Throws Error (file, field) if
/// the folder does not match the model.
template <class Theta>
SelectedModel restore(const std::filesystem::path& run, Theta& theta) {
  SelectedModel selected = read_selected(run, theta.config());
  const RunOptions options = read_options(run);
  if (options.updates_backbone())
    replay(make_perturbation(options, theta), make_outer(options), read_trajectory(run / "trajectory.jsonl"),
           selected.steps, theta);
  return selected;
}

}  // namespace zofo::llm
