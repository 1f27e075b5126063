/// @file What a run counts: steps, time and work done, and the candidates that early stopping compares.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string>

namespace zofo::llm {

/// How far a run has come; the same numbers whether it was interrupted or not, but for the seconds.
struct Tally {
  std::uint32_t steps = 0;
  double seconds = 0.0;    ///< of training
  std::uint64_t rows = 0;  ///< rows read by forward passes, a backward counting them once more
  std::uint64_t tokens = 0;
  /// Passes in units of one forward over `batch` rows.
  [[nodiscard]] double passes(std::uint32_t batch) const { return static_cast<double>(rows) / batch; }
};

/// What a step took.
struct Cost {
  double seconds = 0.0;
  std::uint32_t rows = 0;
};

/// What a run has computed: passes in units of one forward over `batch` rows (a backward counts as one more).
struct Work {
  double passes = 0.0;
  std::uint64_t tokens = 0;  ///< tokens read, a backward counting them once more
};

/// What could be served after a step, and how it does on the rows that decide.
struct Candidate {
  double loss = 0.0;
  double accuracy = 0.0;    ///< NaN where nothing is chosen
  std::uint32_t steps = 0;  ///< steps that lead to it
  std::string what;         ///< "upper", "lower" or "backbone"
  double upper_loss = 0.0;  ///< of (θ, p), where that and (θ, s) are to be decided between
  double lower_loss = 0.0;
  Eigen::VectorXf adapter;  ///< empty for the backbone alone
};

/// How far a run is.
struct Position {
  double seconds = 0.0;  ///< of training
  double left = 0.0;     ///< seconds left, estimated
  double tokens_per_second = 0.0;
};

}  // namespace zofo::llm
