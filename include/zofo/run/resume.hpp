/// @file The saved state of a run, and which options may change when it is resumed.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/option_diff.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/checkpointer.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// The state that a run folder holds. Throws Error naming the file where there is none or it is damaged.
inline checkpoint::RunState read_state(const RunFolder& folder) {
  const std::filesystem::path path = folder.file(state_file);
  require(std::filesystem::exists(path), "{}: no saved state: this run cannot be resumed, begin it anew",
          path.string());
  checkpoint::RunState state = checkpoint::read_run_state(path);
  const int version = state.number<int>("version");
  require(version == state_version, "{}: version = {}: this program reads {}", path.string(), version,
          state_version);
  return state;
}

/// The options that a saved run was begun with.
inline Options options_of(const checkpoint::RunState& saved) {
  Options options;
  parse_toml(options, saved.number<std::string>("options"), "saved state: options");
  return options;
}

/// Options that may differ from those a run was begun with.
inline constexpr std::array<std::string_view, 7> extendable{
    "steps", "seconds", "passes", "patience", "curve_points", "save_seconds", "save_steps"};

/// Throws Error naming the first option that must not differ.
inline void check_changes(const Options& begun, const Options& given, const checkpoint::RunState& saved) {
  refuse_changes(begun, given, extendable);
  require(begun.schedule == "constant" || begun.decay_steps > 0 || begun.steps == given.steps,
          "steps = {}: the run was begun with {}, where its {} schedule ends", given.steps, begun.steps,
          begun.schedule);
  require((begun.patience > 0) == (given.patience > 0),
          "patience = {}: the run was begun with {}: early stopping is on or off for all of it",
          given.patience, begun.patience);
  const auto taken = saved.number<std::uint32_t>("steps");
  require(given.steps == 0 || given.steps >= taken, "steps = {}: the run has taken {} already", given.steps,
          taken);
}

}  // namespace zofo::llm
