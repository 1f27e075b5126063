/// @file Progress messages of a run: a live line on a terminal, plain lines elsewhere.
#pragma once

#include <cstdio>
#include <string>

#include "zofo/core/report.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// Prints to a stream; silent if it is null. Derive from it to show a run elsewhere.
class Progress {
 public:
  /// `every`: seconds between plain lines.
  explicit Progress(std::string title, std::FILE* out = stderr, double every = 15.0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;

  /// Prints a step.
  virtual void step(const StepReport& report, const Position& now);
  /// Prints a message on its own line.
  virtual void note(const std::string& message);

 private:
  [[nodiscard]] std::string text(const StepReport& report, const Position& now) const;

  std::string title_;
  std::FILE* out_;
  bool live_;
  bool open_ = false;  // the live line is not ended
  double every_;
  double next_ = 0.0;
};

}  // namespace zofo::llm
