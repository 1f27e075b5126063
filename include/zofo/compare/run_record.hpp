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
  double accuracy = std::numeric_limits<double>::quiet_NaN();
  double macro_f1 = std::numeric_limits<double>::quiet_NaN();
  double loss = std::numeric_limits<double>::quiet_NaN();
  double exact_match = std::numeric_limits<double>::quiet_NaN();  ///< of generated answers
  double f1 = std::numeric_limits<double>::quiet_NaN();           ///< of the words of generated answers
};

/// A point of a learning curve.
struct CurvePoint {
  double seconds, passes;
  Figures figures;
};

/// A finished run, or the untrained model's scores.
struct RunRecord {
  Figures figures;         ///< on all held-out examples
  std::uint64_t rows = 0;  ///< held-out examples
  double seconds = 0.0, passes = 0.0, peak_mib = 0.0;
  std::uint64_t steps = 0;
  std::string selected, model_hash;
  std::vector<CurvePoint> curve;

  /// The curve of one metric against seconds or passes, without the points where it is NaN.
  [[nodiscard]] Line line(double CurvePoint::*x, double Figures::*y) const;
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
