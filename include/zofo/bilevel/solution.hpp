/// @file What a solve returns.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "zofo/core/report.hpp"

namespace zofo {

/// Why a solve ended.
enum class Termination : std::uint8_t {
  budget,     ///< it took all the outer steps that it was given
  tolerance,  ///< ρ of an update reached BilevelOptions::outer_tolerance
  observer    ///< an observer returned false
};

/// Evaluations that a run has asked its problem for.
struct EvaluationCount {
  std::uint64_t losses = 0;     ///< values of F or G, one a probe, task and adapter
  std::uint64_t gradients = 0;  ///< gradients in an adapter
  friend bool operator==(const EvaluationCount&, const EvaluationCount&) = default;

  template <class A>
  void fields(A& archive) {
    archive(losses, gradients);
  }
};

/// The result of Solver::solve. θ and the adapters are where the caller gave them; solving again continues from
/// there.
struct Solution {
  Termination termination = Termination::budget;
  std::uint32_t steps = 0;      ///< outer steps of this solve
  EvaluationCount evaluations;  ///< of this solve
  double seconds = 0.0;         ///< wall time of this solve
  StepReport last;              ///< of the last step; empty if there was none

  /// One line for people.
  [[nodiscard]] std::string message() const {
    const char* why = termination == Termination::budget ? "all outer steps were taken"
                      : termination == Termination::tolerance
                          ? "the projected gradient reached outer_tolerance"
                          : "an observer ended the run";
    return fmt::format("{}: {} outer steps, {} losses, {} gradients, {:.3g} s", why, steps,
                       evaluations.losses, evaluations.gradients, seconds);
  }
};

}  // namespace zofo
