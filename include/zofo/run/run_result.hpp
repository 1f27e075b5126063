/// @file What a training run comes to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "zofo/config/option_enums.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/scores_json.hpp"
#include "zofo/run/task_scores.hpp"

namespace zofo::llm {

/// What a run comes to. `before` and `after` are scores on the tasks' held-out rows, which no decision used;
/// before: of the untrained model, taken by a meta-training; after: empty where a run was interrupted before
/// any rows were scored.
struct RunResult {
  Command command = Command::finetune;
  Method method = Method::bilevel;
  AdapterKind adapter = AdapterKind::lora;
  std::vector<std::string> tasks;       ///< names
  std::vector<Scores> before, after;    ///< of each task
  std::uint32_t steps = 0;              ///< outer steps
  double seconds = 0.0;                 ///< of training
  double passes = 0.0;                  ///< forward-equivalents, one forward of `batch` rows each
  double peak = 0.0;                    ///< MiB
  double update_norm = 0.0;                   ///< length of the sum of θ's updates (train/update_distance.hpp)
  Selected selected = Selected::upper;  ///< what is the result
  std::uint32_t selected_steps = 0;     ///< less than `steps` where training stopped early
  bool interrupted = false;
  bool stopped_early = false;
  std::string model_hash;    ///< of the model before the run
  std::string theta_hash;    ///< of the selected backbone
  std::string adapter_hash;  ///< of the selected adapter, empty without one or with several

  /// The scores of a run of one task; those of an untrained model's fields where there are none.
  [[nodiscard]] Scores scores() const { return after.empty() ? Scores{} : after.front(); }
};

namespace detail {

inline nlohmann::json task_fields(const RunResult& r) {
  nlohmann::json tasks = nlohmann::json::array();
  for (std::size_t i = 0; i < r.tasks.size(); ++i) {
    nlohmann::json task = {{"name", r.tasks[i]}};
    if (i < r.before.size())
      task.update({{"rows", r.before[i].rows},
                   {"loss_before", r.before[i].loss},
                   {"balanced_accuracy_before", r.before[i].balanced_accuracy}});
    if (i < r.after.size())
      task.update({{"rows", r.after[i].rows},
                   {"loss", r.after[i].loss},
                   {"balanced_accuracy", r.after[i].balanced_accuracy}});
    tasks.push_back(task);
  }
  return tasks;
}

}  // namespace detail

/// The result as the program prints it, and as result.json has it: a fine-tuning's with the scores of its
/// task, a meta-training's with their means and a list of tasks.
inline nlohmann::json to_json(const RunResult& r) {
  nlohmann::json fields = {{"method", to_text(r.method)},
                           {"adapter", to_text(r.adapter)},
                           {"steps", r.steps},
                           {"seconds", r.seconds},
                           {"passes", r.passes},
                           {"peak_mib", r.peak},
                           {"moved", r.update_norm},
                           {"served", to_text(r.selected)},
                           {"served_steps", r.selected_steps},
                           {"interrupted", r.interrupted},
                           {"stopped_early", r.stopped_early},
                           {"model_hash", r.model_hash},
                           {"theta_hash", r.theta_hash},
                           {"adapter_hash", r.adapter_hash}};
  if (r.command == Command::finetune) {
    fields.update(score_fields(r.scores()));
    return fields;
  }
  fields["tasks"] = detail::task_fields(r);
  if (!r.before.empty()) fields["loss_before"] = mean_loss(r.before);
  if (!r.after.empty())
    fields.update({{"loss", mean_loss(r.after)}, {"balanced_accuracy", mean_balanced_accuracy(r.after)}});
  return fields;
}

}  // namespace zofo::llm
