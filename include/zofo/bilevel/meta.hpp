/// @file Meta-training: one backbone over many tasks, a pair of adapters a task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/joint_inner_round.hpp"
#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/task_sampling.hpp"
#include "zofo/bilevel/tasks_evaluation.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/core/report.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo {

/// Options of meta-training; those of the loop count for every task.
struct MetaOptions {
  BilevelOptions loop;
  std::uint32_t tasks_per_step = 0;  ///< tasks of an outer step, drawn without repetition; 0: all
  std::vector<double> weights = {};  ///< chances to be drawn are proportional to these; none: equal ones
  /// Throws Error naming the field out of range for `tasks` tasks.
  void check(std::size_t tasks) const {
    loop.check();
    require(tasks >= 1, "tasks: 0: must be at least 1");
    require(tasks_per_step <= tasks, "tasks_per_step = {}: must be at most the {} tasks", tasks_per_step,
            tasks);
    check_task_weights(weights, tasks);
  }
};

/// min_θ mean_τ F_τ(θ, p*_τ(θ)): each outer step takes the inner steps of its tasks, each on adapters and
/// moments of its own, and moves θ by one estimate of the mean of their penalties, all of the same
/// directions. A task's gradient never touches another's adapters. Tasks that offer it (HasJointTerms,
/// HasJointGradients) are evaluated together, in one call an evaluation. In the estimator's place stands an
/// OuterZOEstimator or a VarianceReduction that wraps one; the latter's anchor holds a copy of all adapters.
/// Source: Shirkavand et al. 2025, §3.3. The tasks are borrowed and must outlive the solver.
template <class Task, class Law, class Estimator, class Outer, class Inner>
class MetaSolver {
 public:
  using Theta = typename Task::Theta;
  using P = typename Task::Lower;
  static_assert(
      Perturbation<Law, Theta>,
      "zofo: Law needs add(theta, direction, a) and second_moment_factor(d) (concept Perturbation)");
  static_assert(OuterZOEstimator<Estimator> || VarianceReduction<Estimator>,
                "zofo: Estimator needs probes(step) -> vector<Probe> and combine(step, losses) -> ZoGradient "
                "(concept OuterZOEstimator), or State and estimate(step, evaluator, state, estimate) "
                "(concept VarianceReduction)");
  static_assert(
      OuterOptimizer<Outer, Theta, Law>,
      "zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)");

  /// All that a run carries from step to step beside θ and the adapters.
  struct State {
    std::uint32_t step = 0;
    std::vector<InnerStates<Inner, P>> inner;
    typename TasksEvaluation<Task, Law, Estimator>::State reduction;
    typename Outer::template State<Theta> outer;
  };

  /// Throws Error when an option is out of range.
  MetaSolver(std::vector<Task>& tasks, Law law, Estimator estimator, Outer outer, Inner inner_lower,
             Inner inner_upper, MetaOptions options)
      : tasks_(tasks),
        outer_level_(std::move(law), std::move(estimator)),
        outer_(std::move(outer)),
        inner_(std::move(inner_lower), std::move(inner_upper)),
        options_(options) {
    options_.check(tasks_.size());
    outer_level_.check();
    inner_.check();
    if constexpr (requires { outer_.options.check(); }) outer_.options.check();
    state_.inner.resize(tasks_.size());
  }
  /// One inner solver for both.
  MetaSolver(std::vector<Task>& tasks, Law law, Estimator estimator, Outer outer, Inner inner,
             MetaOptions options)
      : MetaSolver(tasks, std::move(law), std::move(estimator), std::move(outer), inner, inner, options) {}

  /// One outer step; adapters[τ] belong to task τ. An exception leaves θ, the adapters and the state as they
  /// were. Throws Error when there is not one pair a task.
  const StepReport& step(Theta& theta, std::vector<AdapterPair<P>>& adapters) {
    require(adapters.size() == tasks_.size(), "adapters: {} pairs for {} tasks", adapters.size(),
            tasks_.size());
    draw(drawn_);
    save(adapters);
    try {
      report_.clear(state_.step);
      inner_rounds(theta, adapters);
      if (options_.loop.move_backbone) {
        outer_level_.estimate(tasks_, drawn_, theta, adapters, options_.loop, state_.reduction, report_);
        outer_.apply(theta, outer_level_.law(), report_.gradient, state_.outer);
      }
    } catch (...) {
      restore(adapters);
      throw;
    }
    ++state_.step;
    return report_;
  }

  /// Outer steps until there were `outer_steps` or the observer says stop; returns the last one's report.
  template <class O = Silent>
  StepReport run(Theta& theta, std::vector<AdapterPair<P>>& adapters, O&& observer = {}) {
    static_assert(Observer<O>,
                  "zofo: the observer needs operator()(const StepReport&) -> bool (concept Observer)");
    while (state_.step < options_.loop.outer_steps)
      if (!observer(step(theta, adapters))) break;
    return report_;
  }

  /// The tasks that the next step will take: it touches no other's adapters and moments.
  [[nodiscard]] std::vector<std::size_t> upcoming() const {
    std::vector<std::size_t> list;
    draw(list);
    return list;
  }
  /// The tasks of the latest step.
  [[nodiscard]] std::span<const std::size_t> drawn() const { return drawn_; }
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] State& state() { return state_; }

 private:
  void draw(std::vector<std::size_t>& list) const {
    draw_tasks(options_.loop.seed, state_.step, tasks_.size(), options_.tasks_per_step, options_.weights,
               list);
  }
  void inner_rounds(const Theta& theta, std::vector<AdapterPair<P>>& adapters) {
    if constexpr (joint_rounds) {
      std::vector<typename JointInnerRound<Task, Inner>::Member> members;
      for (const std::size_t task : drawn_)
        members.push_back({&tasks_[task], &adapters[task].p, &adapters[task].s, &state_.inner[task],
                           seed_of_task(options_.loop.seed, task)});
      joint_.run(inner_, members, theta, options_.loop, report_);
    } else {
      for (const std::size_t task : drawn_)
        inner_.run(tasks_[task], theta, adapters[task].p, adapters[task].s, state_.inner[task], options_.loop,
                   seed_of_task(options_.loop.seed, task), report_);
    }
  }
  void save(const std::vector<AdapterPair<P>>& adapters) {
    if constexpr (Level::reduces) remembered_ = state_.reduction.remembered;
    backup_.resize(drawn_.size());
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      const auto& pair = adapters[drawn_[i]];
      const auto& inner = state_.inner[drawn_[i]];
      if (!backup_[i]) {
        backup_[i].emplace(pair, inner);
        continue;
      }
      backup_[i]->first = pair;  // in the memory that is there
      backup_[i]->second = inner;
    }
  }
  void restore(std::vector<AdapterPair<P>>& adapters) {
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      adapters[drawn_[i]] = backup_[i]->first;
      state_.inner[drawn_[i]] = backup_[i]->second;
    }
    if constexpr (Level::reduces) state_.reduction.remembered = remembered_;
  }

  static constexpr bool joint_rounds = takes_joint_rounds<Task, Inner>;
  using Level = TasksEvaluation<Task, Law, Estimator>;

  std::vector<Task>& tasks_;
  Level outer_level_;
  Outer outer_;
  InnerRound<Task, Inner> inner_;
  JointRoundOf<Task, Inner> joint_;
  MetaOptions options_;
  State state_;
  StepReport report_;
  std::vector<std::size_t> drawn_;
  typename std::conditional_t<Level::reduces, Estimator, detail::RemembersNothing>::State remembered_;
  std::vector<std::optional<std::pair<AdapterPair<P>, InnerStates<Inner, P>>>> backup_;
};

}  // namespace zofo
