/// @file Progress messages of a run: a live line on a terminal, plain lines elsewhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "zofo/core/report.hpp"
#include "zofo/lm/scores.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// How often Progress prints plain lines of steps.
struct ProgressInterval {
  double seconds = 15.0;    ///< from one line to the next, where `steps` is 0
  std::uint32_t steps = 0;  ///< a line after every so many steps, on a terminal too; 0: by the seconds
};

/// Prints to a stream; silent if it is null. Derive from it to show a run elsewhere.
class Progress {
 public:
  /// `every` has no effect on the live line of a terminal.
  explicit Progress(std::string title, std::FILE* out = stderr, ProgressInterval every = {});
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;

  /// Prints a step.
  virtual void step(const StepReport& report, const Position& now);
  /// Prints the scores of the tasks' held-out examples after `steps` steps on their own line; later steps
  /// repeat the first of them. `seconds`: the time of scoring.
  void scored(std::uint32_t steps, std::span<const Scores> tasks, double seconds);
  /// Prints a message on its own line.
  virtual void note(const std::string& message);

 private:
  [[nodiscard]] bool is_due(const StepReport& report, const Position& now);
  [[nodiscard]] std::string text(const StepReport& report, const Position& now) const;

  std::string title_;
  std::string held_out_;  // the latest score, for the lines of steps
  std::FILE* out_;
  bool live_;
  bool open_ = false;  // the live line is not ended
  ProgressInterval every_;
  double next_ = 0.0;
};

}  // namespace zofo::llm
