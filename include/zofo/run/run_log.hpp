/// @file The files that a run writes line by line: metrics.jsonl in its formats, and trajectory.jsonl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/lm/scores.hpp"
#include "zofo/run/checked_lines.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/event_file.hpp"
#include "zofo/run/metrics_formats.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// When held-out examples are scored: before the run, on its learning curve, or at its end. The end is
/// "final" for a fine-tuning, whose first score is on the curve, and "after" for a meta-training.
enum class ScoreEvent : std::uint8_t { before, curve, after, final };
/// Names of the values of ScoreEvent.
template <>
inline constexpr std::array<std::string_view, 4> enum_names<ScoreEvent>{"before", "curve", "after", "final"};

/// The logs of a run. metrics.jsonl and trajectory.jsonl are what a run continues from; the event files and
/// metrics.csv repeat the former for other programs, where the options ask for them.
class RunLog {
 public:
  /// The text of both files at the time of a saved state.
  struct Texts {
    std::string metrics;     ///< of metrics.jsonl
    std::string trajectory;  ///< of trajectory.jsonl
  };

  /// Opens or creates the files in the folder; `tasks` are the names of the run's tasks. Throws Error if that
  /// fails.
  RunLog(const RunFolder& folder, const RunOptions& options, std::vector<std::string> tasks);

  /// Writes an outer step.
  void step(const StepReport& report, const Counters& counters, const StepNumbers& numbers);
  /// Writes the scores of the tasks' held-out examples.
  void scored(ScoreEvent event, const Counters& counters, std::span<const Scores> tasks);
  /// Writes a candidate's loss on the validation examples of early stopping.
  void validated(const Counters& counters, const Candidate& candidate);
  /// The scores of the latest point of the curve; empty if there is none.
  [[nodiscard]] const std::vector<Scores>& last_point() const { return last_point_; }

  /// Saves the positions in the files, after the text is on disk, and the latest point of the curve.
  void save(checkpoint::RunState& state);
  /// Restores the latest point of the curve. Throws Error naming a field that is missing.
  void load(const checkpoint::RunState& state);
  /// The texts of the files at the time of a saved state; changes nothing. Throws Error naming the file whose
  /// beginning differs.
  static Texts read(const RunFolder& folder, const checkpoint::RunState& state);
  /// Removes from the files all text after `texts`, those of `state`; the next lines are appended there.
  void continue_after(const Texts& texts, const checkpoint::RunState& state);

 private:
  [[nodiscard]] nlohmann::json line_start(std::string_view event, const Counters& counters) const;

  void write(const nlohmann::json& line);

  CheckedLines metrics_, trajectory_;
  EventFiles events_;
  std::filesystem::path csv_path_;
  std::optional<AppendFile> csv_;  // opened by its first row
  std::vector<std::string> tasks_;
  MetricsTable table_;
  std::vector<Scores> last_point_;
  std::uint32_t batch_;
  bool of_tasks_, of_updates_, writes_csv_;
};

}  // namespace zofo::llm
