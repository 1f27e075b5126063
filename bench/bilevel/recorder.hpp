/// @file A run's curve: its relative error against the evaluations spent, on a grid shared by all runs.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace zofo::bench {

inline constexpr double kNever = std::numeric_limits<double>::infinity();
/// Relative error above which a run counts as diverged. Differences of huge losses round to 0, so that such a
/// run would not change any more.
inline constexpr double kDiverged = 1e3;

/// Evaluation counts at which all runs of a problem are validated: from 4 to the budget, a factor `ratio`
/// apart.
[[nodiscard]] inline std::vector<double> evaluation_grid(double budget, double ratio = 1.12) {
  std::vector<double> grid;
  for (double at = 4; at < budget; at *= ratio) grid.push_back(std::round(at));
  grid.push_back(budget);
  return grid;
}

/// Validates a run at the first step past each point of the grid. If a step crosses several points, its error
/// belongs to the last of them, and the points before keep the error of the previous validation.
///
/// The target is reached when the error is at or below it and stays there until twice as many evaluations are
/// spent, or to the end of the budget. A single point below the target does not count.
class Recorder {
 public:
  Recorder(const std::vector<double>& grid, double target, double start, bool stop_at_target)
      : grid_(grid), target_(target), last_(start), stop_(stop_at_target) {}

  /// Call after each step; `validate()` returns the relative error (1 at the start; NaN counts as diverged).
  /// False: the run is over.
  template <class Validate>
  bool operator()(double evaluations, Validate&& validate) {
    if (evaluations < grid_[curve_.size()]) return true;
    const double validated = validate();
    const double now = validated < kDiverged ? validated : kNever;  // also for NaN
    while (curve_.size() < grid_.size() && grid_[curve_.size()] <= evaluations) {
      const bool last = curve_.size() + 1 == grid_.size() || grid_[curve_.size() + 1] > evaluations;
      curve_.push_back(last ? now : last_);
    }
    last_ = now;
    if (!confirmed_) follow(evaluations);
    return curve_.size() < grid_.size() && !(stop_ && confirmed_);
  }
  /// Ends the curve of a run that cannot continue: with its last error, or with kNever if it diverged.
  void end(bool diverged) {
    if (diverged && !confirmed_) candidate_ = kNever;
    curve_.resize(grid_.size(), diverged ? kNever : last_);
  }

  [[nodiscard]] double hit() const { return candidate_; }  ///< evaluations to the target; kNever: not reached
  [[nodiscard]] double last() const { return curve_.empty() ? last_ : curve_.back(); }
  [[nodiscard]] const std::vector<double>& curve() const { return curve_; }  ///< one error per grid point

 private:
  void follow(double evaluations) {
    if (last_ > target_)
      candidate_ = kNever;
    else if (candidate_ == kNever && evaluations <= grid_.back())
      candidate_ = evaluations;
    confirmed_ = candidate_ != kNever && evaluations >= 2 * candidate_;
  }

  const std::vector<double>& grid_;
  std::vector<double> curve_;
  double target_, last_;
  bool stop_, confirmed_ = false;
  double candidate_ = kNever;
};

}  // namespace zofo::bench
