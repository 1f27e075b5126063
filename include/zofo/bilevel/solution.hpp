/// @file The result of a solve.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "zofo/core/report.hpp"

namespace zofo {

/// Why a solve ended.
enum class Termination : std::uint8_t {
  budget,     ///< all outer steps were done
  tolerance,  ///< ρ of an update reached BilevelOptions::outer_tolerance
  observer    ///< an observer returned false
};

/// Number of evaluations of the problem in a run.
struct EvaluationCount {
  std::uint64_t losses = 0;     ///< values of F or G: one per probe, task and adapter
  std::uint64_t gradients = 0;  ///< gradients in an adapter, each of F, of G or of their weighted sum
  /// Whether both counts are equal.
  friend bool operator==(const EvaluationCount&, const EvaluationCount&) = default;

  /// The fields that a saved state contains.
  template <class A>
  void fields(A& archive) {
    archive(losses, gradients);
  }
};

/// The result of Solver::solve. θ and the adapters are updated in place; another solve continues from them.
struct Solution {
  Termination termination = Termination::budget;  ///< why the solve ended
  std::uint32_t steps = 0;                        ///< outer steps of this solve
  EvaluationCount evaluations;                    ///< evaluations of this solve
  double seconds = 0.0;                           ///< wall time of this solve
  StepReport last;                                ///< report of the last step; empty if there was none

  /// A summary in one line.
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
