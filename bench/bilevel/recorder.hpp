/// @file A run's curve: how far it has come against the evaluations spent, on a grid shared by all runs.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace zofo::bench {

inline constexpr double kNever = std::numeric_limits<double>::infinity();
/// Times the start's: past it a run has blown up. Differences of huge losses round to 0, so it would stand
/// still there.
inline constexpr double kBlownUp = 1e3;

/// Evaluation counts at which all runs of a problem are judged: `ratio` apart, from 4 to the budget.
[[nodiscard]] inline std::vector<double> evaluation_grid(double budget, double ratio = 1.12) {
  std::vector<double> grid;
  for (double at = 4; at < budget; at *= ratio) grid.push_back(std::round(at));
  grid.push_back(budget);
  return grid;
}

/// Judges a run at the first step past each point of the grid. A step that crosses several of them is given
/// to the last; before it the run stood where it was judged last.
///
/// The target is reached where the run is at or below it and stays so until twice as many evaluations were
/// spent, or to the end of the budget: to pass through a point that happens to fit does not count.
class Recorder {
 public:
  Recorder(const std::vector<double>& grid, double target, double start, bool stop_at_target)
      : grid_(grid), target_(target), last_(start), stop_(stop_at_target) {}

  /// Call after each step; `judge()` says how far the run is (1 at the start, NaN counts as never). False:
  /// the run is over.
  template <class Validate>
  bool operator()(double evaluations, Validate&& validate) {
    if (evaluations < grid_[curve_.size()]) return true;
    const double validated = validate();
    const double now = validated < kBlownUp ? validated : kNever;  // not a number fails the comparison too
    while (curve_.size() < grid_.size() && grid_[curve_.size()] <= evaluations) {
      const bool last = curve_.size() + 1 == grid_.size() || grid_[curve_.size() + 1] > evaluations;
      curve_.push_back(last ? now : last_);
    }
    last_ = now;
    if (!confirmed_) follow(evaluations);
    return curve_.size() < grid_.size() && !(stop_ && confirmed_);
  }
  /// The run cannot continue: it stays where it was, or nowhere if it blew up.
  void end(bool blew_up) {
    if (blew_up && !confirmed_) candidate_ = kNever;
    curve_.resize(grid_.size(), blew_up ? kNever : last_);
  }

  [[nodiscard]] double hit() const { return candidate_; }  ///< evaluations to the target; kNever: not reached
  [[nodiscard]] double last() const { return curve_.empty() ? last_ : curve_.back(); }
  [[nodiscard]] const std::vector<double>& curve() const { return curve_; }  ///< one number a grid point

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
