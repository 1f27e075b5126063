/// @file Names in the saved state of a run.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace zofo::llm {

inline constexpr std::string_view state_file = "state.bin";
/// Version 1 was a fine-tuning's, 2 a meta-training's; old_states.hpp converts both.
inline constexpr int state_version = 3;
/// The estimator's state, the counts of evaluations, and the anchor but for its θ̃.
inline constexpr const char* solver_name = "solver";
/// A task's adapters and their optimisers' states.
[[nodiscard]] inline std::string adapters_name(std::size_t task) { return fmt::format("adapters {}", task); }

}  // namespace zofo::llm
