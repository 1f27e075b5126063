/// @file Where a run comes from: what it was begun with, and the state that it goes on from.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/metrics_log.hpp"

namespace zofo::llm {

/// What a run is told beside its inputs.
struct Origin {
  nlohmann::json place = nlohmann::json::object();  ///< names of model and rows, kept for whoever resumes
  std::optional<checkpoint::RunState> saved = {};   ///< a state to go on from
  std::function<model::Parameters()> theta_0 = {};  ///< reads the weights anew, for a run that goes back

  /// Throws Error unless a run by these options can end as it may have to.
  void check(const Options& o) const {
    require(o.patience == 0 || !moves_backbone(o) || theta_0 != nullptr,
            "patience = {}: going back to the best backbone needs Origin::theta_0", o.patience);
  }
};

/// What a run folder held when the saved state was made, read and checked before anything of it is touched.
struct Past {
  std::string metrics, trajectory;
  std::vector<checkpoint::TrajectoryStep> steps;

  /// Nothing for a new run. Throws Error naming the field or the file that is not what the state was made
  /// with.
  Past(const Origin& origin, const nlohmann::json& identity, const RunFolder& folder) {
    if (!origin.saved) return;
    check_identity(origin.saved->number<nlohmann::json>("identity"), identity);
    const auto log = origin.saved->number<nlohmann::json>("log");
    metrics = CheckedLines::text_at(folder.file("metrics.jsonl"), log.at("metrics"));
    trajectory = CheckedLines::text_at(folder.file("trajectory.jsonl"), log.at("trajectory"));
    steps = checkpoint::parse_trajectory(trajectory, folder.file("trajectory.jsonl").string());
  }
};

}  // namespace zofo::llm
