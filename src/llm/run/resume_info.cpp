#include "zofo/run/resume_info.hpp"

#include "zofo/core/error.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm {

void ResumeInfo::check(const RunOptions& o) const {
  require(!o.validates() || !o.updates_backbone() || theta_0 != nullptr,
          "early_stopping_patience = {}, keep_checkpoints = {}: restoring the best backbone needs "
          "ResumeInfo::theta_0",
          o.early_stopping_patience, o.keep_checkpoints);
}

SavedLog::SavedLog(const ResumeInfo& resume_info, const nlohmann::json& fingerprints,
                   const RunFolder& folder) {
  if (!resume_info.saved) return;
  check_fingerprint(resume_info.saved->number<nlohmann::json>("identity"), fingerprints);
  log = RunLog::read(folder, *resume_info.saved);
  steps = parse_trajectory(log.trajectory, folder.file("trajectory.jsonl").string());
}

}  // namespace zofo::llm
