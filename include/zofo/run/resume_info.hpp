/// @file Where a run comes from: what it was started with, and the state that it continues from.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_log.hpp"

namespace zofo::llm {

/// What a run is given in addition to its inputs.
struct ResumeInfo {
  nlohmann::json place = nlohmann::json::object();  ///< names of model and rows, kept for a resumption
  std::string base_model = {};                      ///< what the adapters' folders call θ_0
  std::optional<checkpoint::RunState> saved = {};   ///< a state to continue from
  std::function<model::Parameters()> theta_0 =
      {};  ///< reads the weights again, for a run that returns to them

  /// Throws Error unless a run by these options can end as it may have to.
  void check(const RunOptions& o) const {
    require(o.early_stopping_patience == 0 || !o.updates_backbone() || theta_0 != nullptr,
            "early_stopping_patience = {}: going back to the best backbone needs Origin::theta_0",
            o.early_stopping_patience);
  }
};

/// What a run folder held when the saved state was made, read and checked before anything of it is changed.
struct Past {
  RunLog::Past log;
  std::vector<TrajectoryStep> steps;

  /// Nothing for a new run. Throws Error naming the field or the file that is not what the state was made
  /// with.
  Past(const ResumeInfo& resume_info, const nlohmann::json& fingerprints, const RunFolder& folder) {
    if (!resume_info.saved) return;
    check_fingerprint(resume_info.saved->number<nlohmann::json>("identity"), fingerprints);
    log = RunLog::read(folder, *resume_info.saved);
    steps = parse_trajectory(log.trajectory, folder.file("trajectory.jsonl").string());
  }
};

}  // namespace zofo::llm
