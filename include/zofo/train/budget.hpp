/// @file How long a run may take, and where it stands in that.
#pragma once

#include <algorithm>
#include <cstdint>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/train/timer.hpp"

namespace zofo::llm {

/// The bounds of a run, by steps, by seconds, by passes or by several of them.
class Budget {
 public:
  explicit Budget(const RunOptions& options) : options_(options) {}

  /// Continues from a tally: points of the curve that are past are not due again.
  void start(const Counters& counters) { points_ = point_at(counters); }
  /// Whether one more step of that cost ends within the bounds: no method gets more than it was given.
  [[nodiscard]] bool allows(const Counters& counters, const Cost& next) const {
    const double rows = static_cast<double>(counters.rows + next.rows);
    return (options_.max_steps == 0 || counters.steps < options_.max_steps) &&
           (options_.max_seconds == 0.0 || counters.seconds + next.seconds <= options_.max_seconds) &&
           (options_.max_forward_passes == 0.0 || rows <= options_.max_forward_passes * options_.batch_size);
  }
  /// Seconds left, estimated.
  [[nodiscard]] double left(const Counters& counters) const {
    const double share = share_done(counters);
    return share > 0.0 ? counters.seconds * (1.0 - share) / share : 0.0;
  }
  /// True once for each point of the learning curve but the last, which is the final score.
  [[nodiscard]] bool point_is_due(const Counters& counters) {
    const std::uint32_t point = point_at(counters);
    if (point <= points_ || point >= options_.curve_points) return false;
    points_ = point;
    return true;
  }

 private:
  [[nodiscard]] double share_done(const Counters& counters) const {
    const double of_time = options_.max_seconds > 0.0 ? counters.seconds / options_.max_seconds : 0.0;
    const double of_steps =
        options_.max_steps > 0 ? static_cast<double>(counters.steps) / options_.max_steps : 0.0;
    const double of_passes = options_.max_forward_passes > 0.0
                                 ? counters.passes(options_.batch_size) / options_.max_forward_passes
                                 : 0.0;
    return std::min(1.0, std::max({of_time, of_steps, of_passes}));
  }
  [[nodiscard]] std::uint32_t point_at(const Counters& counters) const {
    return static_cast<std::uint32_t>(share_done(counters) * options_.curve_points);
  }

  const RunOptions& options_;
  std::uint32_t points_ = 0;
};

/// True if the bounds let a saved run take another step.
inline bool can_continue(const RunOptions& given, const checkpoint::RunState& saved) {
  if (given.early_stopping_patience > 0 &&
      saved.fields("stopping").integer("worse") >= given.early_stopping_patience)
    return false;
  Timer timer;
  timer.load(saved);
  return Budget(given).allows(timer.counters(), timer.next());
}

}  // namespace zofo::llm
