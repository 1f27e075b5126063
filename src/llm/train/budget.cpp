#include "zofo/train/budget.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "zofo/core/error.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/train/run_task.hpp"
#include "zofo/train/timer.hpp"

namespace zofo::llm {

namespace {

// Outer steps until `updates` mini-batches a step have read all of `examples`.
double steps_to_read(std::size_t examples, const RunOptions& o, std::uint32_t updates) {
  if (examples == 0) return 0.0;
  const auto batch = static_cast<double>(std::min<std::size_t>(o.batch_size, examples));
  return static_cast<double>(examples) / (batch * o.gradient_accumulation_steps * updates);
}

}  // namespace

double steps_per_epoch(const RunOptions& o, const std::vector<RunTask>& tasks) {
  if (o.trains() == Trains::nothing) return 0.0;
  const std::uint32_t of_s = o.takes_gradients() ? inner_steps(o) : 1;
  const std::uint32_t of_p = o.takes_gradients() && o.upper_every_inner_step ? of_s : 1;
  double sum = 0.0;
  for (const RunTask& task : tasks)
    sum += std::max(steps_to_read(task.examples.lower.size(), o, of_s),
                    steps_to_read(task.examples.upper.size(), o, of_p));
  const auto in_a_step = o.tasks_per_step == 0 ? tasks.size() : std::size_t{o.tasks_per_step};
  return sum / static_cast<double>(in_a_step);
}

std::uint32_t steps_of_epochs(const RunOptions& o, double steps_per_epoch) {
  const double steps = std::ceil(o.epochs * steps_per_epoch);
  const double most = std::floor(static_cast<double>(std::numeric_limits<std::uint32_t>::max()) /
                                 (static_cast<double>(o.inner_steps) * o.gradient_accumulation_steps));
  require(steps <= most, "epochs = {}: are {:.0f} outer steps: must be at most {:.0f}", o.epochs, steps,
          most);
  return static_cast<std::uint32_t>(steps);
}

void set_schedule_end(RunOptions& o, double steps_per_epoch) {
  const std::uint32_t steps = steps_of_epochs(o, steps_per_epoch);
  if (o.lr_scheduler_type == ScheduleKind::constant || o.decay_steps > 0 || steps == 0) return;
  if (o.max_steps == 0 || steps < o.max_steps) o.decay_steps = steps;
}

std::string raised_limits(const RunOptions& o) {
  std::string flags;
  const auto add = [&flags](const char* flag, double value) {
    if (value > 0.0) flags += fmt::format("{}{} {}", flags.empty() ? "" : ", ", flag, 2.0 * value);
  };
  add("--max-steps", o.max_steps);
  add("--max-seconds", o.max_seconds);
  add("--max-forward-passes", o.max_forward_passes);
  add("--epochs", o.epochs);
  add("--early-stopping-patience", o.early_stopping_patience);
  return flags;
}

bool Budget::allows(const Counters& counters, const Cost& next) const {
  const double examples = static_cast<double>(counters.examples + next.examples);
  return (options_.max_steps == 0 || counters.steps < options_.max_steps) &&
         (epoch_steps_ == 0 || counters.steps < epoch_steps_) &&
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
  const double of_epochs = epoch_steps_ > 0 ? static_cast<double>(counters.steps) / epoch_steps_ : 0.0;
  return std::min(1.0, std::max({of_time, of_steps, of_passes, of_epochs}));
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
  const double epoch =
      saved.json().contains("steps_per_epoch") ? saved.number<double>("steps_per_epoch") : 0.0;
  return Budget(given, epoch).allows(timer.counters(), timer.next());
}

void check_resume(const RunFolder& folder, const RunOptions& started, const RunOptions& given,
                  const checkpoint::RunState& saved, std::string_view raise) {
  with_default_budget(given).check();
  check_changes(started, given, saved);
  require(!folder.done() || can_continue(given, saved),
          "{}: the run is finished, after {} steps in {:.1f} s: to resume, raise the limit that ended it{}",
          folder.path().string(), saved.number<std::uint32_t>("steps"), saved.number<double>("seconds"),
          raise);
}

}  // namespace zofo::llm
