/// @file What a meta-training writes line by line, and how far it has come.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/checkpoint/trajectory.hpp"
#include "zofo/config/meta_options.hpp"
#include "zofo/core/report.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/meta_result.hpp"
#include "zofo/run/metrics_log.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// How far a run has come.
struct MetaTally {
  std::uint32_t steps = 0;
  double seconds = 0.0;  ///< of training
  double passes = 0.0;
  std::uint64_t tokens = 0;
  std::uint32_t points = 0;  ///< of the curve
};
inline nlohmann::json to_json(const MetaTally& t) {
  return {t.steps, t.seconds, t.passes, t.tokens, t.points};
}
/// Throws Error where a saved state has none.
inline MetaTally tally_of(const checkpoint::RunState& saved) {
  const auto list = saved.number<nlohmann::json>("tally");
  try {
    return {list.at(0).get<std::uint32_t>(), list.at(1).get<double>(), list.at(2).get<double>(),
            list.at(3).get<std::uint64_t>(), list.at(4).get<std::uint32_t>()};
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: tally: {}", error.what());
  }
}

/// The share of a run's bounds that is used up.
inline double share_done(const MetaTrainOptions& options, const MetaTally& tally) {
  const double of_time = options.seconds > 0.0 ? tally.seconds / options.seconds : 0.0;
  const double of_steps = options.steps > 0 ? static_cast<double>(tally.steps) / options.steps : 0.0;
  return std::max(of_time, of_steps);
}
/// The same for whoever watches.
inline Position position(const MetaTrainOptions& options, const MetaTally& tally) {
  const double share = share_done(options, tally);
  const double left = share > 0.0 ? tally.seconds * (1.0 - share) / share : 0.0;
  return {tally.seconds, left, static_cast<double>(tally.tokens) / std::max(tally.seconds, 1e-9)};
}
/// True when the next point of the curve has come, which is then counted.
inline bool point_is_due(const MetaTrainOptions& options, MetaTally& tally) {
  const auto at = static_cast<std::uint32_t>(share_done(options, tally) * options.curve_points);
  if (at <= tally.points || at >= options.curve_points) return false;
  tally.points = at;
  return true;
}

/// metrics.jsonl and trajectory.jsonl of a meta-trained run.
class MetaLog {
 public:
  /// What the files held when a state was saved.
  struct Past {
    std::string metrics, trajectory;
  };

  explicit MetaLog(const RunFolder& folder)
      : metrics_(folder.file("metrics.jsonl")), trajectory_(folder.file("trajectory.jsonl")) {}

  void step(const StepReport& report, const MetaTally& tally, std::span<const std::size_t> drawn) {
    for (const ZoTerm& term : report.gradient.terms) trajectory_.line(checkpoint::to_line(report.step, term));
    nlohmann::json line = step_fields(report, tally.seconds, tally.passes, tally.tokens);
    line["tasks"] = std::vector<std::size_t>(drawn.begin(), drawn.end());
    metrics_.line(line.dump());
  }
  /// Scores of the training tasks: "before" the run, on its "curve", or "after" it.
  void scored(const char* event, const MetaScores& scores, const MetaTally& tally) {
    nlohmann::json losses = nlohmann::json::array(), accuracies = nlohmann::json::array();
    for (const Scores& each : scores.tasks) {
      losses.push_back(each.loss);
      accuracies.push_back(each.balanced_accuracy);
    }
    metrics_.line(nlohmann::json{
        {"event", event},
        {"step", tally.steps},
        {"seconds", tally.seconds},
        {"passes", tally.passes},
        {"loss", scores.mean_loss()},
        {"balanced_accuracy", scores.mean_balanced_accuracy()},
        {"losses", losses},
        {"balanced_accuracies",
         accuracies}}.dump());
  }
  /// Where the files stand, once the disk holds them.
  [[nodiscard]] nlohmann::json position() {
    return {{"metrics", metrics_.position()}, {"trajectory", trajectory_.position()}};
  }
  /// Reads what the files held at a position, and touches nothing. Throws Error naming the file unless it
  /// begins with that.
  static Past read(const RunFolder& folder, const nlohmann::json& position) {
    return {CheckedLines::text_at(folder.file("metrics.jsonl"), position.at("metrics")),
            CheckedLines::text_at(folder.file("trajectory.jsonl"), position.at("trajectory"))};
  }
  /// Goes on after that; what follows it in the files is cut off.
  void go_on_after(const Past& past) {
    metrics_.go_on_after(past.metrics);
    trajectory_.go_on_after(past.trajectory);
  }

 private:
  CheckedLines metrics_, trajectory_;
};

}  // namespace zofo::llm
