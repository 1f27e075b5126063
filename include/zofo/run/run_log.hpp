/// @file The files that a run writes line by line: metrics.jsonl and trajectory.jsonl.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
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
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// When held-out examples are scored: before the run, on its learning curve, or at its end. The end is
/// "final" for a fine-tuning, whose first score is on the curve, and "after" for a meta-training.
enum class ScoreEvent : std::uint8_t { before, curve, after, final };
/// Names of the values of ScoreEvent.
template <>
inline constexpr std::array<std::string_view, 4> enum_names<ScoreEvent>{"before", "curve", "after", "final"};

/// Both files of a run.
class RunLog {
 public:
  /// The text of both files at the time of a saved state.
  struct Texts {
    std::string metrics;     ///< of metrics.jsonl
    std::string trajectory;  ///< of trajectory.jsonl
  };

  /// Opens or creates the files in the folder. Throws Error if that fails.
  RunLog(const RunFolder& folder, const RunOptions& options);

  /// Writes an outer step; `sampled` are the numbers of its tasks.
  void step(const StepReport& report, const Counters& counters, std::span<const std::size_t> sampled);
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
  /// Removes from the files all text after `texts`; the next lines are appended there.
  void continue_after(const Texts& texts);

 private:
  [[nodiscard]] nlohmann::json line_start(std::string_view event, const Counters& counters) const;

  CheckedLines metrics_, trajectory_;
  std::vector<Scores> last_point_;
  std::uint32_t batch_;
  bool of_tasks_, of_updates_;
};

}  // namespace zofo::llm
