/// @file Converts saved states of earlier versions of the program to the current form.
#pragma once

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"

namespace zofo::llm::old_states {

/// Converts a state of version 1 or 2 to version 3; `options` are those that the state contains. Throws Error
/// naming what is missing, and for an optimiser whose numbers changed their meaning.
checkpoint::RunState converted(const checkpoint::RunState& old, int version, const RunOptions& options);

}  // namespace zofo::llm::old_states
