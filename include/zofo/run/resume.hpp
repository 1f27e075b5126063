/// @file Reading a saved state, and what may change when a run is resumed.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/option_diff.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/old_states.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_state.hpp"

namespace zofo::llm {

/// The options that a saved run was started with; old names of options are accepted, each adds a hint.
inline RunOptions options_of(const checkpoint::RunState& saved, Hints* hints = nullptr) {
  const auto version = saved.number<int>("version");
  const Command command = version == 1 ? Command::finetune
                          : version == 2
                              ? Command::meta_train
                              : enum_from<Command>("command", saved.number<std::string>("command"));
  return options_from_toml(command, saved.number<std::string>("options"), "saved state: options", hints);
}

/// The state that a run folder holds, in today's form. Throws Error naming the file where there is none, it
/// is damaged, or of a version that this program does not read.
inline checkpoint::RunState read_state(const RunFolder& folder) {
  const std::filesystem::path path = folder.file(state_file);
  require(std::filesystem::exists(path), "{}: no saved state: this run cannot be resumed; start a new run",
          path.string());
  checkpoint::RunState state = checkpoint::read_run_state(path);
  const int version = state.number<int>("version");
  require(version >= 1 && version <= state_version, "{}: version = {}: this program reads 1 to {}",
          path.string(), version, state_version);
  if (version < state_version) return old_states::converted(state, version, options_of(state));
  return state;
}

/// Options that may differ from those a run was started with.
inline constexpr std::array<std::string_view, 8> extendable{
    "max_steps",    "max_seconds",  "max_forward_passes", "early_stopping_patience",
    "curve_points", "save_seconds", "save_steps",         "max_resident_adapters"};

/// Throws Error naming the first option that must not differ.
inline void check_changes(const RunOptions& started, const RunOptions& given,
                          const checkpoint::RunState& saved) {
  require(started.command == given.command, "the run was begun by zofo {}: resume it with the same",
          started.command);
  refuse_changes(started, given, extendable);
  require(started.lr_scheduler_type == ScheduleKind::constant || started.decay_steps > 0 ||
              started.max_steps == given.max_steps,
          "max_steps = {}: the run was begun with {}, where its {} schedule ends", given.max_steps,
          started.max_steps, started.lr_scheduler_type);
  require(
      (started.early_stopping_patience > 0) == (given.early_stopping_patience > 0),
      "early_stopping_patience = {}: the run was begun with {}: early stopping is on or off for all of it",
      given.early_stopping_patience, started.early_stopping_patience);
  const auto taken = saved.number<std::uint32_t>("steps");
  require(given.max_steps == 0 || given.max_steps >= taken, "max_steps = {}: the run has taken {} already",
          given.max_steps, taken);
}

}  // namespace zofo::llm
