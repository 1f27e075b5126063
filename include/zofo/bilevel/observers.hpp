/// @file Observers of a run: progress, early stopping, limits, logs and records. Combine them with
/// `Observers{ProgressLine(stderr), TimeBudget(60.0)}`. Pass an observer by std::ref to read it after the
/// run.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/bilevel/observer_logs.hpp"
#include "zofo/bilevel/solution.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/core/report.hpp"

namespace zofo {

/// Returns seconds since a fixed moment and never decreases. Pass your own to test code that depends on time.
using Clock = std::function<double()>;

/// The machine's steady clock, in seconds.
[[nodiscard]] inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Options of ProgressLine.
struct ProgressLineOptions {
  /// Printed at the start of each line. Set it if several runs print to one stream.
  std::string title = {};
  /// Least number of seconds from one line to the next, 0 to 10⁹; 0 prints every step. Raise it for log files
  /// of long runs.
  double every = 1.0;
  /// Outer steps of the run, usually BilevelOptions::outer_steps. If set, lines also show "step k/total" and
  /// the time that is left; 0: unknown.
  std::uint64_t total = 0;
  /// Source of the time. Replace it in tests only.
  Clock clock = steady_seconds;
};

/// Prints the step, losses, ρ, steps per second and, if the total is known, the time that is left. The first
/// step and, with a total, the last step always print a line. On a terminal each line overwrites the last.
class ProgressLine {
 public:
  /// Prints to a C stream and flushes it; prints nothing for nullptr. Throws Error when `every` is out of
  /// range.
  explicit ProgressLine(std::FILE* out, ProgressLineOptions options = {})
      : ProgressLine(sink(out), out != nullptr && isatty(fileno(out)) != 0, std::move(options)) {}
  /// Prints to a C++ stream, which must outlive the observer. Throws Error when `every` is out of range.
  explicit ProgressLine(std::ostream& out, ProgressLineOptions options = {})
      : ProgressLine([&out](std::string_view text) { (out << text).flush(); }, false, std::move(options)) {}

  /// Prints a line if one is due; always true.
  bool operator()(const StepReport& report) {
    const double now = options_.clock();
    ++steps_;
    const bool last = options_.total > 0 && std::uint64_t{report.step} + 1 == options_.total;
    if (write_ && (steps_ == 1 || last || now >= next_)) {
      next_ = now + options_.every;
      const std::string line = text(report, now - start_);
      write_(live_ ? "\r\x1b[K" + line + (last ? "\n" : "") : line + "\n");
    }
    return true;
  }

 private:
  using Sink = std::function<void(std::string_view)>;

  ProgressLine(Sink write, bool live, ProgressLineOptions options)
      : write_(std::move(write)), options_(std::move(options)), live_(live) {
    require_in("every", options_.every, 0.0, 1e9);
    start_ = options_.clock();
  }
  static Sink sink(std::FILE* out) {
    if (out == nullptr) return {};
    return [out](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), out);
      std::fflush(out);
    };
  }
  [[nodiscard]] std::string text(const StepReport& report, double seconds) const {
    std::string line = options_.title.empty() ? "" : options_.title + "  ";
    line += options_.total > 0 ? fmt::format("step {}/{}", report.step + 1, options_.total)
                               : fmt::format("step {}", report.step + 1);
    const auto append = [&line](const char* name, double value) {
      if (!std::isnan(value)) line += fmt::format("  {} {:.4g}", name, value);
    };
    append("F(p)", report.upper);
    append("G(p)", std::isnan(report.lower_p) ? report.inner_value_p : report.lower_p);
    append("G(s)", std::isnan(report.lower_s) ? report.inner_value_s : report.lower_s);
    append("rho", report.projected_gradient);
    const double pace = seconds > 0.0 ? static_cast<double>(steps_) / seconds : 0.0;
    if (pace > 0.0) line += fmt::format("  {:.3g} steps/s", pace);
    if (pace > 0.0 && options_.total > report.step) {
      const auto left =
          static_cast<std::uint64_t>(static_cast<double>(options_.total - report.step - 1) / pace);
      line += fmt::format("  {}:{:02d}:{:02d} left", left / 3600, left / 60 % 60, left % 60);
    }
    return line;
  }

  Sink write_;
  ProgressLineOptions options_;
  bool live_;
  std::uint64_t steps_ = 0;
  double start_ = 0.0, next_ = 0.0;
};

/// Options of EarlyStopping.
struct EarlyStoppingOptions {
  /// Number of consecutive evaluations without improvement that ends the run; 0: never. Raise it if the
  /// metric is noisy: zeroth-order steps improve the loss only on average.
  std::uint32_t patience = 10;
  /// Least decrease below the best value that counts as an improvement, in units of the metric, at least 0.
  /// Raise it to end a run that improves by less than the metric's noise.
  double min_improvement = 0.0;
  /// Outer steps from one evaluation of the metric to the next, at least 1. Raise it if the metric is costly.
  std::uint32_t every = 1;
  /// Throws Error naming the field out of range.
  void check() const {
    require_in("min_improvement", min_improvement, 0.0, 1e300);
    require(every >= 1, "every = {}: must be at least 1", every);
  }
};

/// Ends a run that no longer improves (Prechelt 1998, "Early stopping: but when?", its third criterion) and
/// records the best value and its step. The metric, lower is better, is a function of the report, for example
/// a loss on validation examples. Without a metric the observer uses F(p), the mean over the step's probes,
/// which is noisy for small mini-batches. A value that is not finite is no improvement. Of equal values the
/// first counts as the best.
class EarlyStopping {
 public:
  /// Value to minimise after a step, in any unit.
  using Metric = std::function<double(const StepReport&)>;
  /// Called at each new best value, for example to copy θ.
  using OnBest = std::function<void(const StepReport&)>;

  /// Throws Error naming the option out of range.
  explicit EarlyStopping(EarlyStoppingOptions options = {}, Metric metric = {}, OnBest on_best = {})
      : options_(options), metric_(std::move(metric)), on_best_(std::move(on_best)) {
    options_.check();
  }
  /// Evaluates the metric every `every` steps; false when the patience is exhausted.
  bool operator()(const StepReport& report) {
    if ((std::uint64_t{report.step} + 1) % options_.every != 0) return true;
    return see(report.step, metric_ ? metric_(report) : report.upper, &report);
  }
  /// Records a value that the caller computed at `step`; false when the patience is exhausted.
  bool see(std::uint32_t step, double value) { return see(step, value, nullptr); }

  /// Whether a finite value was recorded.
  [[nodiscard]] bool has_best() const { return std::isfinite(best_); }
  /// Lowest recorded value; infinite before the first finite value.
  [[nodiscard]] double best() const { return best_; }
  /// Step of the lowest value; 0 before the first finite value.
  [[nodiscard]] std::uint32_t best_step() const { return best_step_; }
  /// Evaluations since the last improvement.
  [[nodiscard]] std::uint32_t evaluations_since_best() const { return worse_; }
  /// Whether `patience` evaluations brought no improvement.
  [[nodiscard]] bool exhausted() const { return options_.patience > 0 && worse_ >= options_.patience; }
  /// The fields that a saved state contains.
  template <class A>
  void fields(A& archive) {
    archive(best_, best_step_, worse_);
  }

 private:
  bool see(std::uint32_t step, double value, const StepReport* report) {
    const bool better = std::isfinite(value) && (!has_best() || value < best_ - options_.min_improvement);
    if (better) {
      best_ = value;
      best_step_ = step;
      worse_ = 0;
      if (on_best_ && report != nullptr) on_best_(*report);
    } else {
      ++worse_;
    }
    return !exhausted();
  }

  EarlyStoppingOptions options_;
  Metric metric_;
  OnBest on_best_;
  double best_ = std::numeric_limits<double>::infinity();
  std::uint32_t best_step_ = 0, worse_ = 0;
};

/// Ends the run after the first step at whose end `seconds` have passed since construction or restart(). A
/// step is never interrupted, so a run is longer than the limit by up to one step.
class TimeBudget {
 public:
  /// A limit of `seconds`, 0 to 10¹². Throws Error for other values.
  explicit TimeBudget(double seconds, Clock clock = steady_seconds)
      : seconds_(seconds), clock_(std::move(clock)), start_(clock_()) {
    require_in("seconds", seconds, 0.0, 1e12);
  }
  /// False once the time is used up.
  bool operator()(const StepReport& /*report*/) const { return elapsed() < seconds_; }
  /// Seconds since construction or restart().
  [[nodiscard]] double elapsed() const { return clock_() - start_; }
  /// Starts the limit again, for example before a second solve().
  void restart() { start_ = clock_(); }

 private:
  double seconds_;
  Clock clock_;
  double start_;
};

/// Ends the run after the step in which losses + gradient_cost · gradients reach `limit`. Unlike a time limit
/// it does not depend on the machine. The counters are those of the solver (`solver.state().evaluations`) or
/// the result of a function. Set `gradient_cost` to the cost of a gradient in losses, about 2, to compare
/// first-order and zeroth-order methods.
class EvaluationBudget {
 public:
  /// Returns the evaluations so far.
  using Count = std::function<EvaluationCount()>;
  /// Refers to `count`, which must outlive the observer. Throws Error unless `limit` and `gradient_cost` are
  /// finite and not negative.
  EvaluationBudget(double limit, const EvaluationCount& count, double gradient_cost = 1.0)
      : EvaluationBudget(limit, [&count] { return count; }, gradient_cost) {}
  EvaluationBudget(double limit, EvaluationCount&& count, double gradient_cost = 1.0) = delete;
  /// Calls `count` after each step. Throws Error as above.
  EvaluationBudget(double limit, Count count, double gradient_cost = 1.0)
      : limit_(limit), gradient_cost_(gradient_cost), count_(std::move(count)) {
    require_in("limit", limit, 0.0, 1e300);
    require_in("gradient_cost", gradient_cost, 0.0, 1e12);
  }
  /// False once the limit is reached.
  bool operator()(const StepReport& /*report*/) const { return used() < limit_; }
  /// losses + gradient_cost · gradients so far.
  [[nodiscard]] double used() const {
    const EvaluationCount now = count_();
    return static_cast<double>(now.losses) + gradient_cost_ * static_cast<double>(now.gradients);
  }

 private:
  double limit_, gradient_cost_;
  Count count_;
};

/// Records the numbers of every `every`-th step in vectors of equal length, for plots and tests. Entries are
/// those of StepReport; NaN for a number that the step did not evaluate.
class Recorder {
 public:
  /// Records each step whose index is divisible by `every`. Throws Error for 0.
  explicit Recorder(std::uint32_t every = 1) : every_(every) {
    require(every >= 1, "every = {}: must be at least 1", every);
  }
  /// Appends to the vectors; always true.
  bool operator()(const StepReport& report) {
    if (report.step % every_ != 0) return true;
    step.push_back(report.step);
    upper.push_back(report.upper);
    lower_p.push_back(report.lower_p);
    lower_s.push_back(report.lower_s);
    rho.push_back(report.projected_gradient);
    inner_s.push_back(report.inner_value_s);
    inner_p.push_back(report.inner_value_p);
    return true;
  }
  /// The fields that a saved state contains.
  template <class A>
  void fields(A& archive) {
    archive(step, upper, lower_p, lower_s, rho, inner_s, inner_p);
  }

  std::vector<std::uint32_t> step;  ///< index of the outer step
  std::vector<double> upper;        ///< F(·, p), mean over the probes
  std::vector<double> lower_p;      ///< G(·, p), mean over the probes
  std::vector<double> lower_s;      ///< G(·, s), mean over the probes
  std::vector<double> rho;          ///< ρ, the projected gradient of the update
  std::vector<double> inner_s;      ///< objective of s before its last inner step
  std::vector<double> inner_p;      ///< objective of p before its last inner step

 private:
  std::uint32_t every_;
};

}  // namespace zofo
