/// @file The reports of an outer step and of an inner solve.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "zofo/core/zo_gradient.hpp"

namespace zofo {

/// The value in a report of a number that the step did not compute: NaN.
inline constexpr double kNotEvaluated = std::numeric_limits<double>::quiet_NaN();

/// Result of an inner solve.
struct InnerReport {
  std::uint32_t steps = 0;               ///< inner steps taken
  double value = kNotEvaluated;          ///< objective at the returned point
  double gradient_norm = kNotEvaluated;  ///< gradient norm at the returned point
  bool converged = false;                ///< that norm is at most the budget's tolerance
};

/// One outer step. Losses of parts that are switched off are NaN (kNotEvaluated). With several tasks every
/// number is the mean over the step's tasks, and inner_converged holds for all of them.
struct StepReport {
  std::uint32_t step = 0;                     ///< index of the outer step, from 0
  double upper = kNotEvaluated;               ///< F(·, p), mean over the probes
  double lower_p = kNotEvaluated;             ///< G(·, p), mean over the probes
  double lower_s = kNotEvaluated;             ///< G(·, s), mean over the probes
  double projected_gradient = kNotEvaluated;  ///< ρ of the update, see projected_gradient()
  double inner_value_s = kNotEvaluated;       ///< objective of s before its last inner step
  double inner_value_p = kNotEvaluated;       ///< objective of p before its last inner step
  double inner_gradient_s = kNotEvaluated;    ///< gradient norm there
  double inner_gradient_p = kNotEvaluated;    ///< gradient norm there
  bool inner_converged = false;               ///< all gradient norms reached BilevelOptions::inner_tolerance
  ZoGradient gradient;                        ///< the update of θ: the step's entry in the trajectory

  /// An empty report of step `number`; the list of terms keeps its memory.
  void clear(std::uint32_t number) {
    ZoGradient reused = std::move(gradient);
    reused.terms.clear();
    reused.queries = 0.0;
    *this = {};
    step = number;
    gradient = std::move(reused);
  }
};

}  // namespace zofo
