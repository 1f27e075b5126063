/// @file The limits of a run, and how much of them is used.
#pragma once

#include <cstdint>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// The limits of a run in steps, seconds or forward passes, or in several of them. Borrows the options.
class Budget {
 public:
  /// The limits of a run by these options.
  explicit Budget(const RunOptions& options) : options_(options) {}

  /// Continues from counters: points of the learning curve before them are not due again.
  void start(const Counters& counters) { points_ = point_at(counters); }
  /// Whether one more step of that cost ends within the limits: no method exceeds them.
  [[nodiscard]] bool allows(const Counters& counters, const Cost& next) const;
  /// Estimated seconds left.
  [[nodiscard]] double left(const Counters& counters) const;
  /// True once for each point of the learning curve except the last, which is the final score.
  [[nodiscard]] bool point_is_due(const Counters& counters);

 private:
  [[nodiscard]] double share_done(const Counters& counters) const;
  [[nodiscard]] std::uint32_t point_at(const Counters& counters) const;

  const RunOptions& options_;
  std::uint32_t points_ = 0;
};

/// True if the limits allow a saved run another step. Throws Error naming a number that the state lacks.
bool can_continue(const RunOptions& given, const checkpoint::RunState& saved);

}  // namespace zofo::llm
