#include "zofo/train/impl/verify_run.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm::detail {
namespace {

// The recorded result of a run; empty where the run wrote none.
nlohmann::json recorded_result(const std::filesystem::path& run) {
  const std::filesystem::path path = run / "result.json";
  if (!std::filesystem::exists(path)) return nlohmann::json::object();
  try {
    nlohmann::json entry = checkpoint::JsonFields::load(path).object();
    if (entry.contains("methods"))
      entry = nlohmann::json(entry.at("methods").at(0));
    else if (!entry.contains("theta_hash"))
      return nlohmann::json::object();  // of an older meta-training
    static_cast<void>(entry.at("served_steps").get<std::uint32_t>());
    for (const char* hash : {"model_hash", "theta_hash", "adapter_hash"})
      static_cast<void>(entry.at(hash).get<std::string>());
    return entry;
  } catch (const nlohmann::json::exception& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

}  // namespace

ReplayPlan plan_replay(const model::Parameters& theta_0, const std::filesystem::path& run,
                       const RunOptions& o, const ReplayRequest& request) {
  const nlohmann::json recorded = recorded_result(run);
  ReplayPlan plan;
  plan.trajectory = read_trajectory(run / "trajectory.jsonl");
  const std::string found = hash_of_model(theta_0);
  const std::string wanted = recorded.value("model_hash", found);
  require(found == wanted, "{}: fingerprint {}: the run was started with {}", request.model_name, found,
          wanted);
  const auto last = static_cast<std::uint32_t>(plan.trajectory.size());
  const std::uint32_t selected = std::min(recorded.value("served_steps", last), last);
  plan.steps = request.to.value_or(selected);
  plan.adapter = o.trains() == Trains::adapter_by_estimates;
  if (plan.steps == selected) plan.hash = recorded.value(plan.adapter ? "adapter_hash" : "theta_hash", "");
  return plan;
}

void verify_hash(Replayed& done, const ReplayPlan& plan, const std::filesystem::path& run) {
  done.what = plan.adapter ? "adapter" : "theta";
  require(plan.hash.empty() || done.hash == plan.hash,
          "{}: {} after {} steps has the hash {}: the run recorded {}", run.string(), done.what, plan.steps,
          done.hash, plan.hash);
  done.verified = !plan.hash.empty();
}

}  // namespace zofo::llm::detail
