/// @file Inputs of a run that a resumed run needs again, and the saved state from which it resumes.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_log.hpp"

namespace zofo::llm {

/// Information about a run for its resumption.
struct ResumeInfo {
  nlohmann::json paths = nlohmann::json::object();  ///< paths of model and data, for the saved state
  std::string base_model = {};                      ///< name of θ_0 in the folders of adapters
  std::optional<checkpoint::RunState> saved = {};   ///< the state to resume from
  std::optional<std::uint32_t> from_step = {};      ///< `saved` is the checkpoint of this step
  std::function<model::Parameters()> theta_0 = {};  ///< loads θ_0 again, for early stopping

  /// Throws Error if a run with these options needs theta_0, which is missing.
  void check(const RunOptions& o) const;
};

/// The contents of a run folder at the time of the saved state.
struct SavedLog {
  RunLog::Texts log;                  ///< texts of the log files
  std::vector<TrajectoryStep> steps;  ///< the trajectory

  /// Reads and checks the files; changes nothing. Empty for a new run. Throws Error naming the first field of
  /// `fingerprints`, or the file, that differs from the saved state.
  SavedLog(const ResumeInfo& resume_info, const nlohmann::json& fingerprints, const RunFolder& folder);
};

}  // namespace zofo::llm
