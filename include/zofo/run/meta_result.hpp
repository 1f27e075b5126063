/// @file What a meta-training run comes to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/lm/evaluate.hpp"

namespace zofo::llm {

/// Scores of the training tasks' held-out rows, each under its own adapter.
struct MetaScores {
  std::vector<Scores> tasks;
  [[nodiscard]] double mean_loss() const {
    double sum = 0.0;
    for (const Scores& each : tasks) sum += each.loss;
    return sum / static_cast<double>(tasks.size());
  }
  [[nodiscard]] double mean_balanced_accuracy() const {
    double sum = 0.0;
    for (const Scores& each : tasks) sum += each.balanced_accuracy;
    return sum / static_cast<double>(tasks.size());
  }
};

/// Scores as a saved state keeps them, and back.
inline nlohmann::json to_json(const MetaScores& scores) {
  nlohmann::json list = nlohmann::json::array();
  for (const Scores& each : scores.tasks)
    list.push_back({each.accuracy, each.macro_f1, each.loss, each.rows, each.balanced_accuracy});
  return list;
}
inline MetaScores scores_of(const checkpoint::RunState& saved) {
  MetaScores scores;
  const auto list = saved.number<nlohmann::json>("before");
  try {
    for (const nlohmann::json& each : list) {
      Scores one;
      one.accuracy = each.at(0).get<double>();
      one.macro_f1 = each.at(1).get<double>();
      one.loss = each.at(2).get<double>();
      one.rows = each.at(3).get<std::size_t>();
      one.balanced_accuracy = each.at(4).get<double>();
      scores.tasks.push_back(one);
    }
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: before: {}", error.what());
  }
  return scores;
}

/// What a run comes to.
struct MetaResult {
  std::string method;
  std::uint32_t steps = 0;
  double seconds = 0.0;  ///< of training
  double passes = 0.0;   ///< forward-equivalents, one forward of `batch` rows each
  double peak = 0.0;     ///< MiB
  double moved = 0.0;    ///< length of the zeroth-order steps' sum (train/update_distance.hpp)
  MetaScores before, after;
  std::vector<std::string> names;
  bool interrupted = false;
};

inline nlohmann::json to_json(const MetaResult& r) {
  nlohmann::json tasks = nlohmann::json::array();
  for (std::size_t i = 0; i < r.names.size() && i < r.before.tasks.size(); ++i) {
    tasks.push_back({{"name", r.names[i]},
                     {"rows", r.before.tasks[i].rows},
                     {"loss_before", r.before.tasks[i].loss},
                     {"balanced_accuracy_before", r.before.tasks[i].balanced_accuracy}});
    if (i >= r.after.tasks.size()) continue;
    tasks.back()["loss"] = r.after.tasks[i].loss;
    tasks.back()["balanced_accuracy"] = r.after.tasks[i].balanced_accuracy;
  }
  nlohmann::json out = {
      {"method", r.method}, {"steps", r.steps}, {"seconds", r.seconds}, {"passes", r.passes},
      {"peak_mib", r.peak}, {"moved", r.moved}, {"tasks", tasks},       {"interrupted", r.interrupted}};
  out["loss_before"] = r.before.mean_loss();
  if (!r.after.tasks.empty()) {
    out["loss"] = r.after.mean_loss();
    out["balanced_accuracy"] = r.after.mean_balanced_accuracy();
  }
  return out;
}

}  // namespace zofo::llm
