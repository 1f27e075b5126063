/// @file What a run writes line by line: metrics.jsonl and trajectory.jsonl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/lm/scores.hpp"
#include "zofo/lm/scores_json.hpp"
#include "zofo/run/checked_lines.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/task_scores.hpp"

namespace zofo::llm {

/// When held-out rows are scored: before the run, on its learning curve, or at its end. A fine-tuning calls
/// the last "final" and has its first score on the curve; a meta-training calls it "after".
enum class ScoreEvent : std::uint8_t { before, curve, after, final };
template <>
inline constexpr std::array<std::string_view, 4> enum_names<ScoreEvent>{"before", "curve", "after", "final"};

/// Both files of a run.
class RunLog {
 public:
  /// What the files held when a state was saved.
  struct Past {
    std::string metrics, trajectory;
  };

  RunLog(const RunFolder& folder, const RunOptions& options)
      : metrics_(folder.file("metrics.jsonl")),
        trajectory_(folder.file("trajectory.jsonl")),
        batch_(options.batch_size),
        of_tasks_(options.command == Command::meta_train),
        of_updates_(options.takes_estimates()) {}

  /// An outer step; `sampled` are the numbers of its tasks.
  void step(const StepReport& report, const Counters& counters, std::span<const std::size_t> sampled) {
    if (of_updates_) {
      std::string lines = trajectory_lines(report.step, report.gradient);
      lines.pop_back();  // the line end, which the file adds
      trajectory_.line(lines);
    }
    nlohmann::json fields = {{"event", "step"},
                             {"step", report.step},
                             {"seconds", counters.seconds},
                             {"passes", counters.passes(batch_)},
                             {"tokens", counters.tokens},
                             {"upper", report.upper},
                             {"lower_p", report.lower_p},
                             {"lower_s", report.lower_s},
                             {"rho", report.projected_gradient},
                             {"inner_s", report.inner_value_s},
                             {"inner_p", report.inner_value_p}};
    if (of_tasks_) fields["tasks"] = std::vector<std::size_t>(sampled.begin(), sampled.end());
    metrics_.line(fields.dump());
  }
  /// Scores of the tasks' held-out rows.
  void scored(ScoreEvent event, const Counters& counters, std::span<const Scores> tasks) {
    if (event == ScoreEvent::curve) last_point_.assign(tasks.begin(), tasks.end());
    nlohmann::json fields = of_tasks_ ? fields_of_tasks(tasks) : score_fields(tasks.front());
    fields.update(place(to_text(event), counters));
    metrics_.line(fields.dump());
  }
  /// A loss on the rows that decide about stopping early.
  void validated(const Counters& counters, const Candidate& candidate) {
    nlohmann::json fields = place("decision", counters);
    fields.update({{"accuracy", candidate.accuracy},
                   {"loss", candidate.loss},
                   {"served", to_text(candidate.selected)}});
    metrics_.line(fields.dump());
  }
  /// The latest point of the curve; empty where there is none.
  [[nodiscard]] const std::vector<Scores>& last_point() const { return last_point_; }

  /// Saves where the files stand, once the disk holds them, and the latest point of the curve.
  void save(checkpoint::RunState& state) {
    state.json()["log"] = {{"metrics", metrics_.position()}, {"trajectory", trajectory_.position()}};
    if (!last_point_.empty()) state.json()["last_point"] = to_json(last_point_);
  }
  /// Reads the latest point of the curve back. Throws Error naming a field that is missing.
  void load(const checkpoint::RunState& state) {
    if (state.json().contains("last_point")) last_point_ = task_scores_from(state, "last_point");
    if (state.json().contains("scores"))  // as version 1 of the state has it
      last_point_ = {scores_from(state.fields("scores"))};
  }
  /// What the files held when a state was saved; nothing is changed. Throws Error naming the file unless it
  /// begins with that.
  static Past read(const RunFolder& folder, const checkpoint::RunState& state) {
    const auto log = state.number<nlohmann::json>("log");
    try {
      return {CheckedLines::text_at(folder.file("metrics.jsonl"), log.at("metrics")),
              CheckedLines::text_at(folder.file("trajectory.jsonl"), log.at("trajectory"))};
    } catch (const nlohmann::json::exception& error) {
      fail("saved state: log: {}", error.what());
    }
  }
  /// Continues after that; what follows it in the files is cut off.
  void continue_after(const Past& past) {
    metrics_.continue_after(past.metrics);
    trajectory_.continue_after(past.trajectory);
  }

 private:
  [[nodiscard]] nlohmann::json place(std::string_view event, const Counters& counters) const {
    return {{"event", event},
            {"step", counters.steps},
            {"seconds", counters.seconds},
            {"passes", counters.passes(batch_)}};
  }
  static nlohmann::json fields_of_tasks(std::span<const Scores> tasks) {
    nlohmann::json losses = nlohmann::json::array(), accuracies = nlohmann::json::array();
    for (const Scores& each : tasks) {
      losses.push_back(each.loss);
      accuracies.push_back(each.balanced_accuracy);
    }
    return {{"loss", mean_loss(tasks)},
            {"balanced_accuracy", mean_balanced_accuracy(tasks)},
            {"losses", losses},
            {"balanced_accuracies", accuracies}};
  }

  CheckedLines metrics_, trajectory_;
  std::vector<Scores> last_point_;
  std::uint32_t batch_;
  bool of_tasks_, of_updates_;
};

}  // namespace zofo::llm
