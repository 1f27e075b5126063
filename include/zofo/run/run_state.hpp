/// @file Names of values in the saved state of a run.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace zofo::llm {

/// The file of the saved state in a run folder.
inline constexpr std::string_view state_file = "state.bin";
/// The current version. Version 1 was for fine-tuning, 2 for meta-training; old_states.hpp converts both.
inline constexpr int state_version = 3;
/// The name of the estimator's state, the counts of evaluations, and the anchor without θ̃.
inline constexpr const char* solver_name = "solver";
/// The name of a task's adapters and the states of their optimisers.
[[nodiscard]] inline std::string adapters_name(std::size_t task) { return fmt::format("adapters {}", task); }

}  // namespace zofo::llm
