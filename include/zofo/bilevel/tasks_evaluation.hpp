/// @file The zeroth-order half of an outer step over several tasks: the mean of their penalties, its
/// estimate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/outer_evaluation.hpp"
#include "zofo/bilevel/penalty.hpp"
#include "zofo/core/report.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo {

/// Seed of a task's samples: those of two tasks at one step must differ, so its number goes into the upper
/// half.
inline std::uint64_t seed_of_task(std::uint64_t seed, std::size_t task) {
  return seed + (static_cast<std::uint64_t>(task) << 32U);
}

/// probes ← estimator; ℓᵢ = mean over the drawn tasks of Fᵢ(p_τ) + λ (Gᵢ(p_τ) − Gᵢ(s_τ)), a task's samples
/// the same for all probes; combine(ℓ). With a VarianceReduction, also losses at an anchor θ̃ with the
/// adapters that all tasks had there; its large batches are further samples of the drawn tasks. Tasks with
/// joint terms are evaluated in one call.
template <class Task, class Law, class Estimator>
class TasksEvaluation {
 public:
  using Theta = typename Task::Theta;
  using P = typename Task::Lower;
  using Pairs = std::vector<AdapterPair<P>>;
  static constexpr bool reduces = VarianceReduction<Estimator>;

  /// Where a reduction took its last anchor, and what it remembers; nothing for a plain estimator.
  struct NoState {};
  struct ReductionState {
    std::optional<Theta> theta;
    Pairs adapters;  ///< of all tasks, drawn or not
    double penalty = 0.0;
    typename std::conditional_t<reduces, Estimator, detail::RemembersNothing>::State remembered;
  };
  using State = std::conditional_t<reduces, ReductionState, NoState>;

  TasksEvaluation(Law law, Estimator estimator) : law_(std::move(law)), estimator_(std::move(estimator)) {}

  /// Throws Error naming the field out of range.
  void check() const { detail::check_policies(law_, estimator_); }
  [[nodiscard]] const Law& law() const { return law_; }

  /// The estimate of step `report.step` into the report, with the mean losses of the probes at this point. A
  /// loss that throws leaves the anchor as it was.
  void estimate(std::vector<Task>& tasks, std::span<const std::size_t> drawn, const Theta& theta,
                const Pairs& adapters, const BilevelOptions& options, State& state, StepReport& report) {
    Evaluator evaluator{*this,        tasks, drawn, {theta, adapters, options.penalty.at(report.step)},
                        options.seed, state, {},    false};
    if constexpr (reduces) {
      estimator_.estimate(report.step, evaluator, state.remembered, report.gradient);
      // Before the anchor moves: an optimiser that refuses the estimate leaves everything as it was.
      outer::check_estimate(report.step, report.gradient);
      if (evaluator.anchor_moves) evaluator.copy_point();
    } else {
      list_probes(estimator_, report.step, probes_);
      combine_losses(estimator_, report.step, evaluator.here(probes_, {.number = report.step}),
                     report.gradient);
    }
    evaluator.mean.write(report);
    detail::write_size(report);
  }

 private:
  struct Point {
    const Theta& theta;
    const Pairs& adapters;
    double penalty;
  };
  struct Evaluator {
    TasksEvaluation& level;
    std::vector<Task>& tasks;
    std::span<const std::size_t> drawn;
    Point point;
    std::uint64_t seed;
    State& state;
    detail::MeanTerms mean;
    bool anchor_moves;

    std::span<const double> here(std::span<const Probe> probes, BatchKey batch) {
      return losses(point, probes, batch, &mean);
    }
    std::span<const double> at_anchor(std::span<const Probe> probes, BatchKey batch) requires reduces {
      return losses({*state.theta, state.adapters, state.penalty}, probes, batch, nullptr);
    }
    // A reduction has asked for everything by then; the copy waits for the estimate to be looked at.
    void move_anchor() requires reduces { anchor_moves = true; }
    void copy_point() requires reduces {
      copy_theta(point.theta, state.theta);
      state.adapters = point.adapters;
      state.penalty = point.penalty;
    }

   private:
    std::span<const double> losses(const Point& x, std::span<const Probe> probes, BatchKey batch,
                                   detail::MeanTerms* sum) {
      std::vector<double>& list = level.losses_;
      list.assign(probes.size(), 0.0);
      const auto add = [&](std::span<const PenaltyTerms> terms) {
        for (std::size_t i = 0; i < terms.size(); ++i)
          list[i] += (x.penalty == 0.0 ? terms[i].upper : terms[i].value(x.penalty)) /
                     static_cast<double>(drawn.size());
        if (sum != nullptr) sum->add(terms);
      };
      const auto samples = [&](std::size_t task) {
        return detail::probe_samples(seed_of_task(seed, task), batch);
      };
      if constexpr (HasJointTerms<Task, Law>) {
        std::vector<JointPoint<Task>> points;
        for (const std::size_t task : drawn)
          points.push_back({&tasks[task], &x.adapters[task].p, &x.adapters[task].s, samples(task)});
        for (const auto& terms : Task::joint_terms(x.theta, level.law_, probes, x.penalty,
                                                   std::span<const JointPoint<Task>>(points)))
          add(terms);
      } else {
        for (const std::size_t task : drawn)
          add(PenaltyObjective<Task, Law>{tasks[task], level.law_, x.adapters[task].p, x.adapters[task].s,
                                          x.penalty, level.workspace_}
                  .terms(x.theta, probes, samples(task)));
      }
      return list;
    }
  };

  Law law_;
  Estimator estimator_;
  std::vector<Probe> probes_;
  std::vector<double> losses_;
  PenaltyWorkspace<Theta> workspace_;
};

}  // namespace zofo
