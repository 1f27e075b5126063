/// @file What a run counts: steps, time and work done, and the candidates that early stopping compares.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "zofo/config/option_enums.hpp"

namespace zofo::llm {

/// How far a run has come; the same numbers whether it was interrupted or not, but for the seconds.
struct Counters {
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

/// What a problem has computed. Whole numbers: their sum is the same wherever a run was cut.
struct Work {
  std::uint64_t rows = 0;    ///< rows read by forward passes, a backward counting them once more
  std::uint64_t tokens = 0;  ///< tokens read, the same way
};

/// What could be selected after a step, and its loss on the rows that decide.
struct Candidate {
  double loss = 0.0;        ///< mean over the tasks
  double accuracy = 0.0;    ///< the same; NaN where nothing is chosen
  std::uint32_t steps = 0;  ///< steps that lead to it
  Selected selected = Selected::backbone;
  double upper_loss = 0.0;  ///< of (θ, p), where that and (θ, s) are to be decided between
  double lower_loss = 0.0;
  std::vector<Eigen::VectorXf> adapters{};  ///< one a task, or one of all; none if only the backbone
};

/// How far a run is.
struct Position {
  double seconds = 0.0;  ///< of training
  double left = 0.0;     ///< seconds left, estimated
  double tokens_per_second = 0.0;
};

}  // namespace zofo::llm
