/// @file Reads the results of a finished run: its scores, their cost, and its learning curve.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/compare/statistics.hpp"

namespace zofo::compare {

/// Metrics; NaN where the task does not have one.
struct Figures {
  double accuracy = std::numeric_limits<double>::quiet_NaN();     ///< share of correct answers
  double macro_f1 = std::numeric_limits<double>::quiet_NaN();     ///< mean F1 over the classes
  double loss = std::numeric_limits<double>::quiet_NaN();         ///< mean over the examples
  double exact_match = std::numeric_limits<double>::quiet_NaN();  ///< of generated answers
  double f1 = std::numeric_limits<double>::quiet_NaN();           ///< of the words of generated answers
};

/// A point of a learning curve.
struct CurvePoint {
  double seconds;   ///< of training so far
  double passes;    ///< forward-equivalent passes so far
  Figures figures;  ///< metrics at this point
};

/// A finished run, or the untrained model's scores.
struct RunRecord {
  Figures figures;                ///< on all held-out examples
  std::uint64_t rows = 0;         ///< held-out examples
  double seconds = 0.0;           ///< of training
  double passes = 0.0;            ///< forward-equivalent passes
  double peak_mib = 0.0;          ///< most memory that the process used
  std::uint64_t steps = 0;        ///< of training
  std::string selected;           ///< the selected model: upper, lower or backbone
  std::string model_hash;         ///< XXH64 of the model before the run; empty if not recorded
  std::vector<CurvePoint> curve;  ///< in the order of seconds; empty for the untrained model

  /// The curve of one metric against seconds or passes, without the points where it is NaN.
  [[nodiscard]] Line line(double CurvePoint::* x, double Figures::* y) const;
};

/// Reads the learning curve from a finished run's metrics.jsonl (docs/guide/runs.md); ignores other events.
/// Throws Error with file and line for a line that is not an object, lacks a field, has a value out of range,
/// or decreases in seconds or passes.
std::vector<CurvePoint> read_curve(const std::filesystem::path& path);

/// Reads a finished run's folder. Throws Error naming file and field for a field that is missing or out of
/// range, and for a run of another method or seed.
RunRecord read_run(const std::filesystem::path& folder, std::string_view method, std::uint64_t seed);

/// Reads the output of `zofo evaluate --json`. Throws Error as read_run does.
RunRecord read_evaluation(const std::filesystem::path& path);

}  // namespace zofo::compare
