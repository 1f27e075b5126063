/// @file Reads a saved state, and checks the changes of a resumed run.
#pragma once

#include <array>
#include <string_view>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// The options with which a saved run was started. Old names of options are accepted; each adds a hint.
RunOptions options_of(const checkpoint::RunState& saved, Hints* hints = nullptr);

/// The state in a run folder, converted to the current version. Throws Error naming the file if it does not
/// exist, is damaged, or has a version that this program does not read.
checkpoint::RunState read_state(const RunFolder& folder);

/// Options that may differ from those of the run's start.
inline constexpr std::array<std::string_view, 12> extendable{
    "max_steps",        "max_seconds",  "max_forward_passes", "epochs",     "early_stopping_patience",
    "keep_checkpoints", "curve_points", "save_seconds",       "save_steps", "max_resident_adapters",
    "tensorboard",      "csv"};

/// Throws Error naming the first option that must not differ.
void check_changes(const RunOptions& started, const RunOptions& given, const checkpoint::RunState& saved);

}  // namespace zofo::llm
