/// @file Fingerprints of a run's inputs: it can be resumed only with the same model and examples.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// Hashes by name, for a saved state; `model` is the hash of the model before the run.
nlohmann::json fingerprints(const std::string& model, const std::vector<RunTask>& tasks);

/// The same with the names and hashes of the version that saved a state with the fingerprints `saved`.
nlohmann::json fingerprints_as_saved(const nlohmann::json& saved, const std::string& model,
                                     const std::vector<RunTask>& tasks);

}  // namespace zofo::llm
