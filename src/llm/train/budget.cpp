#include "zofo/train/budget.hpp"

#include <algorithm>

#include "zofo/train/timer.hpp"

namespace zofo::llm {

bool Budget::allows(const Counters& counters, const Cost& next) const {
  const double examples = static_cast<double>(counters.examples + next.examples);
  return (options_.max_steps == 0 || counters.steps < options_.max_steps) &&
         (options_.max_seconds == 0.0 || counters.seconds + next.seconds <= options_.max_seconds) &&
         (options_.max_forward_passes == 0.0 ||
          examples <= options_.max_forward_passes * options_.batch_size);
}

double Budget::left(const Counters& counters) const {
  const double share = share_done(counters);
  return share > 0.0 ? counters.seconds * (1.0 - share) / share : 0.0;
}

bool Budget::point_is_due(const Counters& counters) {
  const std::uint32_t point = point_at(counters);
  if (point <= points_ || point >= options_.curve_points) return false;
  points_ = point;
  return true;
}

double Budget::share_done(const Counters& counters) const {
  const double of_time = options_.max_seconds > 0.0 ? counters.seconds / options_.max_seconds : 0.0;
  const double of_steps =
      options_.max_steps > 0 ? static_cast<double>(counters.steps) / options_.max_steps : 0.0;
  const double of_passes = options_.max_forward_passes > 0.0
                               ? counters.passes(options_.batch_size) / options_.max_forward_passes
                               : 0.0;
  return std::min(1.0, std::max({of_time, of_steps, of_passes}));
}

std::uint32_t Budget::point_at(const Counters& counters) const {
  return static_cast<std::uint32_t>(share_done(counters) * options_.curve_points);
}

bool can_continue(const RunOptions& given, const checkpoint::RunState& saved) {
  if (given.early_stopping_patience > 0 &&
      saved.fields("stopping").integer("worse") >= given.early_stopping_patience)
    return false;
  Timer timer;
  timer.load(saved);
  return Budget(given).allows(timer.counters(), timer.next());
}

}  // namespace zofo::llm
