/// @file Observers that are ready for use: progress, early stopping, budgets, logs and records. Compose them
/// by `Observers{ProgressLine(stderr), TimeBudget(60.0)}`; one that is to be read afterwards goes in by
/// std::ref.
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

/// Seconds since some fixed moment, never falling. Tests give their own.
using Clock = std::function<double()>;

/// The machine's steady clock.
[[nodiscard]] inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Options of ProgressLine.
struct ProgressLineOptions {
  std::string title = {};   ///< begins each line
  double every = 1.0;       ///< seconds from one line to the next, at least; 0: a line a step
  std::uint64_t total = 0;  ///< steps of the run: shows the share and the time left; 0: not known
  Clock clock = steady_seconds;
};

/// Writes a line for people: step, losses, ρ, steps a second and, where the total is known, the time left.
/// The first step and, with a total, the last one always have their line. On a terminal the line is
/// rewritten.
class ProgressLine {
 public:
  /// To a C stream, flushed; silent for nullptr.
  explicit ProgressLine(std::FILE* out, ProgressLineOptions options = {})
      : ProgressLine(sink(out), out != nullptr && isatty(fileno(out)) != 0, std::move(options)) {}
  /// To a C++ stream, which must outlive the observer.
  explicit ProgressLine(std::ostream& out, ProgressLineOptions options = {})
      : ProgressLine([&out](std::string_view text) { (out << text).flush(); }, false, std::move(options)) {}

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
  std::uint32_t patience = 10;   ///< evaluations in a row without improvement that end the run; 0: none do
  double min_improvement = 0.0;  ///< how far below the best value one must lie to count
  std::uint32_t every = 1;       ///< steps from one evaluation of the metric to the next
  /// Throws Error naming the field out of range.
  void check() const {
    require_in("min_improvement", min_improvement, 0.0, 1e300);
    require(every >= 1, "every = {}: must be at least 1", every);
  }
};

/// Ends a run that no longer improves (Prechelt 1998, "Early stopping: but when?", its third criterion) and
/// keeps the best value and its step. The metric, lower is better, is a function of the report: a loss on
/// examples set aside, say. Without one it is F(p), the mean over the step's probes, which is noisy where
/// mini-batches are small. A value that is not finite is no improvement; of equal ones the earlier stays.
class EarlyStopping {
 public:
  using Metric = std::function<double(const StepReport&)>;
  /// Called at each new best: to copy θ, say.
  using OnBest = std::function<void(const StepReport&)>;

  explicit EarlyStopping(EarlyStoppingOptions options = {}, Metric metric = {}, OnBest on_best = {})
      : options_(options), metric_(std::move(metric)), on_best_(std::move(on_best)) {
    options_.check();
  }
  bool operator()(const StepReport& report) {
    if ((std::uint64_t{report.step} + 1) % options_.every != 0) return true;
    return see(report.step, metric_ ? metric_(report) : report.upper, &report);
  }
  /// The same for a value that was found elsewhere; false when patience is used up.
  bool see(std::uint32_t step, double value) { return see(step, value, nullptr); }

  [[nodiscard]] bool has_best() const { return std::isfinite(best_); }
  [[nodiscard]] double best() const { return best_; }  ///< infinite before the first finite value
  [[nodiscard]] std::uint32_t best_step() const { return best_step_; }
  [[nodiscard]] std::uint32_t evaluations_since_best() const { return worse_; }
  [[nodiscard]] bool exhausted() const { return options_.patience > 0 && worse_ >= options_.patience; }
  /// What must be saved to continue later.
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

/// Ends the run after the step in which `seconds` have passed since the observer was made, or restarted.
class TimeBudget {
 public:
  /// Throws Error unless seconds are finite and not negative.
  explicit TimeBudget(double seconds, Clock clock = steady_seconds)
      : seconds_(seconds), clock_(std::move(clock)), start_(clock_()) {
    require_in("seconds", seconds, 0.0, 1e12);
  }
  bool operator()(const StepReport& /*report*/) const { return elapsed() < seconds_; }
  [[nodiscard]] double elapsed() const { return clock_() - start_; }
  void restart() { start_ = clock_(); }

 private:
  double seconds_;
  Clock clock_;
  double start_;
};

/// Ends the run after the step in which the evaluations reach `limit`: losses + gradient_cost · gradients.
/// They are counted by the solver (`solver.state().evaluations`) or by a function of the user's.
class EvaluationBudget {
 public:
  using Count = std::function<EvaluationCount()>;
  /// Borrows the counters. Throws Error unless both numbers are finite and not negative.
  EvaluationBudget(double limit, const EvaluationCount& count, double gradient_cost = 1.0)
      : EvaluationBudget(
            limit, [&count] { return count; }, gradient_cost) {}
  EvaluationBudget(double limit, EvaluationCount&& count, double gradient_cost = 1.0) = delete;
  /// Calls `count` after each step.
  EvaluationBudget(double limit, Count count, double gradient_cost = 1.0)
      : limit_(limit), gradient_cost_(gradient_cost), count_(std::move(count)) {
    require_in("limit", limit, 0.0, 1e300);
    require_in("gradient_cost", gradient_cost, 0.0, 1e12);
  }
  bool operator()(const StepReport& /*report*/) const { return used() < limit_; }
  [[nodiscard]] double used() const {
    const EvaluationCount now = count_();
    return static_cast<double>(now.losses) + gradient_cost_ * static_cast<double>(now.gradients);
  }

 private:
  double limit_, gradient_cost_;
  Count count_;
};

/// Keeps every `every`-th report's numbers as vectors, to be plotted.
class Recorder {
 public:
  explicit Recorder(std::uint32_t every = 1) : every_(every) {
    require(every >= 1, "every = {}: must be at least 1", every);
  }
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
  /// What must be saved to continue later.
  template <class A>
  void fields(A& archive) {
    archive(step, upper, lower_p, lower_s, rho, inner_s, inner_p);
  }

  std::vector<std::uint32_t> step;
  std::vector<double> upper, lower_p, lower_s, rho, inner_s,
      inner_p;  ///< as in StepReport; NaN if not evaluated

 private:
  std::uint32_t every_;
};

}  // namespace zofo
