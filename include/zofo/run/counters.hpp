/// @file Counters of a run: steps, time and computation; and the candidates that early stopping compares.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "zofo/config/option_enums.hpp"

namespace zofo::llm {

/// The progress of a run. Interruptions of the run change only the seconds.
struct Counters {
  std::uint32_t steps = 0;       ///< outer steps
  double seconds = 0.0;          ///< of training
  std::uint64_t examples = 0;    ///< examples in forward passes; a backward pass counts them once more
  std::uint64_t tokens = 0;      ///< tokens, counted as `examples`
  double scoring_seconds = 0.0;  ///< of scoring held-out examples, which is no training
  /// Passes in units of one forward pass over `batch` examples.
  [[nodiscard]] double passes(std::uint32_t batch) const { return static_cast<double>(examples) / batch; }
};

/// The cost of a step.
struct Cost {
  double seconds = 0.0;        ///< duration
  std::uint32_t examples = 0;  ///< examples, counted as in Counters
};

/// What a run records of a step in addition to its report and its counters. NaN: the method has no such
/// number.
struct StepNumbers {
  std::span<const std::size_t> tasks = {};  ///< numbers of the tasks of the step
  double seconds = 0.0;                     ///< duration
  double peak_mib = 0.0;                    ///< most memory so far: of the process, or on the GPU
  double zo_learning_rate = std::numeric_limits<double>::quiet_NaN();     ///< of the zeroth-order update
  double lower_learning_rate = std::numeric_limits<double>::quiet_NaN();  ///< of the last update of s
  double upper_learning_rate = std::numeric_limits<double>::quiet_NaN();  ///< of the last update of p
  double penalty = std::numeric_limits<double>::quiet_NaN();              ///< λ
};

/// The computation of a problem. Integers: their sum does not depend on where a run was interrupted.
struct Work {
  std::uint64_t examples = 0;  ///< examples in forward passes; a backward pass counts them once more
  std::uint64_t tokens = 0;    ///< tokens, counted as `examples`
};

/// A result that could be selected after a step, and its loss on the validation examples.
struct Candidate {
  double loss = 0.0;                       ///< mean over the tasks
  double accuracy = 0.0;                   ///< mean over the tasks; NaN without answer choices
  std::uint32_t steps = 0;                 ///< outer steps of the trajectory that lead to it
  Selected selected = Selected::backbone;  ///< (θ, p), (θ, s) or θ
  double upper_loss = 0.0;                 ///< of (θ, p), if the run compares it with (θ, s)
  double lower_loss = 0.0;                 ///< of (θ, s)
  std::vector<Eigen::VectorXf>
      adapters{};  ///< one for each task, or one for all; empty for θ without adapter
};

/// The progress that a run displays.
struct Position {
  double seconds = 0.0;            ///< of training
  double left = 0.0;               ///< estimated seconds left
  double tokens_per_second = 0.0;  ///< mean over the run
};

}  // namespace zofo::llm
