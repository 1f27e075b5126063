/// @file What a step says of itself.
#pragma once

#include <cstdint>
#include <limits>

#include "zofo/core/zo_gradient.hpp"

namespace zofo {

/// Stands in a report for a number that the step did not compute.
inline constexpr double kNotEvaluated = std::numeric_limits<double>::quiet_NaN();

/// Result of an inner solve.
struct InnerReport {
  std::uint32_t steps = 0;
  double value = kNotEvaluated;          ///< objective at the returned point
  double gradient_norm = kNotEvaluated;  ///< gradient norm at the returned point
  bool converged = false;                ///< that norm is at most the budget's tolerance
};

/// One outer step. Losses of parts that are switched off are NaN (kNotEvaluated).
struct StepReport {
  std::uint32_t step = 0;                     ///< index of the outer step, from 0
  double upper = kNotEvaluated;               ///< F(·, p), mean over the probes
  double lower_p = kNotEvaluated;             ///< G(·, p), mean over the probes
  double lower_s = kNotEvaluated;             ///< G(·, s), mean over the probes
  double projected_gradient = kNotEvaluated;  ///< mean |ρ| over the queries
  double inner_value_s = kNotEvaluated;       ///< G(θ, s) before the last inner step on s
  double inner_value_p = kNotEvaluated;       ///< (F + λG)(θ, p) before the last inner step on p
  ZoGradient gradient;                        ///< what θ was updated by: the step's entry in the trajectory
};

}  // namespace zofo
