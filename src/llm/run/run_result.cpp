#include "zofo/run/run_result.hpp"

#include <nlohmann/json.hpp>

#include "zofo/lm/scores_json.hpp"
#include "zofo/run/task_scores.hpp"

namespace zofo::llm {

Scores RunResult::scores() const { return after.empty() ? Scores{} : after.front(); }

namespace {

nlohmann::json task_fields(const RunResult& r) {
  nlohmann::json tasks = nlohmann::json::array();
  for (std::size_t i = 0; i < r.tasks.size(); ++i) {
    nlohmann::json task = {{"name", r.tasks[i]}};
    if (i < r.before.size())
      task.update({{"rows", r.before[i].examples},
                   {"loss_before", r.before[i].loss},
                   {"balanced_accuracy_before", r.before[i].balanced_accuracy}});
    if (i < r.after.size())
      task.update({{"rows", r.after[i].examples},
                   {"loss", r.after[i].loss},
                   {"balanced_accuracy", r.after[i].balanced_accuracy}});
    tasks.push_back(task);
  }
  return tasks;
}

}  // namespace

nlohmann::json to_json(const RunResult& r) {
  nlohmann::json fields = {{"method", to_text(r.method)},
                           {"adapter", to_text(r.adapter)},
                           {"steps", r.steps},
                           {"seconds", r.seconds},
                           {"scoring_seconds", r.scoring_seconds},
                           {"passes", r.passes},
                           {"peak_mib", r.peak},
                           {"moved", r.update_norm},
                           {"served", to_text(r.selected)},
                           {"served_steps", r.selected_steps},
                           {"selection", r.selection},
                           {"interrupted", r.interrupted},
                           {"stopped_early", r.stopped_early},
                           {"model_hash", r.model_hash},
                           {"theta_hash", r.theta_hash},
                           {"adapter_hash", r.adapter_hash}};
  if (r.command == Command::finetune) {
    fields.update(score_fields(r.scores()));
    return fields;
  }
  fields["tasks"] = task_fields(r);
  if (!r.before.empty()) fields["loss_before"] = mean_loss(r.before);
  if (!r.after.empty())
    fields.update({{"loss", mean_loss(r.after)}, {"balanced_accuracy", mean_balanced_accuracy(r.after)}});
  return fields;
}

}  // namespace zofo::llm
