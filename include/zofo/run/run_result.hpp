/// @file The result of a training run.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "zofo/config/option_enums.hpp"
#include "zofo/lm/scores.hpp"

namespace zofo::llm {

/// The result of a run. The scores are on the tasks' held-out examples, which the run uses for no decision.
struct RunResult {
  Command command = Command::finetune;      ///< the command that started the run
  Method method = Method::bilevel;          ///< the training method
  AdapterKind adapter = AdapterKind::lora;  ///< the kind of the adapters
  std::vector<std::string> tasks;           ///< names
  std::vector<Scores> before;               ///< of each task, untrained; only for a meta-training
  std::vector<Scores> after;                ///< of each task; empty if the run was interrupted before scoring
  std::uint32_t steps = 0;                  ///< outer steps
  double seconds = 0.0;                     ///< of training
  double scoring_seconds = 0.0;             ///< of scoring held-out examples
  double passes = 0.0;                      ///< forward passes over `batch_size` examples each
  double peak = 0.0;                        ///< peak memory, MiB
  double update_norm = 0.0;                 ///< norm of the sum of θ's updates (train/update_distance.hpp)
  Selected selected = Selected::upper;      ///< (θ, p), (θ, s) or θ
  std::uint32_t selected_steps = 0;         ///< less than `steps` after early stopping
  std::string selection;                    ///< which step was selected, and why, for people
  bool interrupted = false;                 ///< stopped by a signal
  bool stopped_early = false;               ///< stopped by early_stopping_patience
  std::string model_hash;                   ///< of the model before the run
  std::string theta_hash;                   ///< of the selected backbone
  std::string adapter_hash;                 ///< of the selected adapter; empty if there are none or several

  /// The scores of a run of one task; default values if nothing was scored.
  [[nodiscard]] Scores scores() const;
};

/// The result in the form of result.json: with the scores of the task for a fine-tuning; with the means of
/// the scores and a list of tasks for a meta-training.
nlohmann::json to_json(const RunResult& r);

}  // namespace zofo::llm
