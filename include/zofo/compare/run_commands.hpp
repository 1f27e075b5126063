/// @file The command lines of a comparison's runs, and the last message of a failed run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "zofo/compare/plan.hpp"

namespace zofo::compare {

/// The arguments of `zofo` that score the untrained model on a task.
std::vector<std::string> evaluation_arguments(const Plan& plan, std::size_t task);

/// The arguments of `zofo` that start or resume a run in its folder. A run with a saved state is resumed; the
/// files of an interrupted run without one are removed. Throws Error when that fails.
std::vector<std::string> training_arguments(const Plan& plan, const Cell& cell,
                                            const std::filesystem::path& run);

/// The last non-empty line of a log, without the heading "zofo: error: "; control characters are replaced.
std::string last_line(const std::filesystem::path& log);

}  // namespace zofo::compare
