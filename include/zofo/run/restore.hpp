/// @file A finished fine-tuning put back together: θ_K and the adapter that it selected.
#pragma once

#include <filesystem>

#include "zofo/config/options_toml.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/selected_model_file.hpp"
#include "zofo/runtime/make_policies.hpp"

namespace zofo::llm {

/// The options that a run folder records; old names of options are accepted, each adds a hint. A
/// meta-training's folder holds a meta.json.
inline RunOptions read_options(const std::filesystem::path& run, Hints* hints = nullptr) {
  const bool of_many = std::filesystem::exists(run / "meta.json");
  const std::filesystem::path file = run / "options.toml";
  RunOptions options = options_from_toml(of_many ? Command::meta_train : Command::finetune,
                                         parse::read_file(file), file.string(), hints);
  options.check();
  return options;
}
/// Reads a run folder and replays its trajectory onto `theta`, which is θ_0, as far as the selected model
/// needs. Throws Error (file, field) if it doesn't fit the model. θ_K is the run's to the bit where θ is
/// stored where it was in the run and in its precision.
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
