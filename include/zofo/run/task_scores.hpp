/// @file Scores of several tasks on their held-out examples: means, and their form in a saved state.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/lm/scores.hpp"

namespace zofo::llm {

/// The mean loss over the tasks, with equal weights.
[[nodiscard]] double mean_loss(std::span<const Scores> tasks);
/// The mean balanced accuracy over the tasks, with equal weights.
[[nodiscard]] double mean_balanced_accuracy(std::span<const Scores> tasks);

/// Scores in the form of a saved state: a list of numbers for each task.
nlohmann::json to_json(std::span<const Scores> tasks);
/// Scores in the form of a saved state: a list of numbers for each task.
nlohmann::json to_json(const std::vector<Scores>& tasks);
/// Scores from a field of a saved state. Throws Error naming the field if a number is missing.
std::vector<Scores> task_scores_from(const checkpoint::RunState& saved, const char* field);

}  // namespace zofo::llm
