/// @file Bilevel-ZOFO: first-order updates of the adapters, zeroth-order updates of the backbone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/outer_step.hpp"
#include "zofo/bilevel/perturbation_state.hpp"
#include "zofo/bilevel/policies.hpp"
#include "zofo/bilevel/simple_problem.hpp"
#include "zofo/bilevel/solution.hpp"
#include "zofo/bilevel/task_sampling.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo {

namespace detail {

template <class Problem>
struct BatchedForm {
  using Type = Problem;
};
template <FourFunctions Problem>
struct BatchedForm<Problem> {
  using Type = SimpleProblem<Problem>;
};

}  // namespace detail

/// The algorithm of Shirkavand et al. (Bilevel-ZOFO, NeurIPS 2025, algorithm 1 and §3.3) over one task or
/// many: min_θ mean_τ F_τ(θ, p*_τ(θ)). Each outer step updates the adapters of its tasks, each by its own
/// gradients and moments, and then θ by one estimate of the mean of their penalties.
///
/// `Problem` is a BilevelProblem, or a type with four functions (FourFunctions), of which one or a list is
/// given. Problems are borrowed and must outlive the solver. `E` is an OuterZOEstimator, or a
/// VarianceReduction that wraps one.
template <class Problem, class D = Rademacher, class E = Central, class O = outer::Sgd, class I = inner::Adam>
class Solver {
  static constexpr bool simple = FourFunctions<Problem>;
  static_assert(simple || BilevelProblem<Problem, D>,
                "zofo: Problem needs Theta, Adapter, upper, lower, upper_gradient, lower_gradient (concept "
                "FourFunctions), or num_tasks, losses and gradients (concept BilevelProblem)");
  // Owned where tasks are wrapped, borrowed where the problem is a BilevelProblem already.
  using Batched = typename detail::BatchedForm<Problem>::Type;
  using Held = std::conditional_t<simple, Batched, Problem&>;

 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Adapter;
  using Pair = AdapterPair<P>;
  using Active = ActivePerturbation<D>;
  static_assert(HasTensors<Theta> || Perturbation<Active, Theta>,
                "zofo: a Theta of your own needs for_each_tensor(theta, f), found beside its type (concept "
                "HasTensors)");
  static_assert(!HasTensors<Theta> || Perturbation<Active, Theta>,
                "zofo: the perturbation distribution needs add(theta, direction, a) for this Theta (concept "
                "Perturbation)");
  static_assert(OuterZOEstimator<E> || StatefulEstimator<E> || variance::VarianceReduction<E>,
                "zofo: Estimator needs probes(step, list) and combine(step, losses, estimate) (concept "
                "OuterZOEstimator), or State and estimate(step, evaluator, state, estimate) (concept "
                "VarianceReduction)");
  static_assert(outer::OuterOptimizer<O, Theta, Active>,
                "zofo: Outer needs State<Theta> and apply(theta, perturbation, gradient, state) (concept "
                "OuterOptimizer)");
  using Level = OuterStep<Batched, Active, E>;

  /// All that a run carries from step to step beside θ and the adapters.
  struct State {
    std::uint32_t step = 0;
    std::vector<TaskState<I, P>> tasks;
    typename Level::State estimator;
    typename Level::AnchorPoint anchor;
    PerturbationState<D> perturbation;
    typename O::template State<Theta> outer;
    EvaluationCount evaluations;
  };

  /// Throws Error when an option or a policy is out of range.
  Solver(Problem& problem, Policies<D, E, O, I> policies, BilevelOptions options = {})
      : Solver(std::span<Problem>(&problem, 1), std::move(policies), std::move(options), nullptr) {}
  /// Many tasks of four functions each.
  Solver(std::span<Problem> tasks, Policies<D, E, O, I> policies, BilevelOptions options = {}) requires simple
      : Solver(tasks, std::move(policies), std::move(options), nullptr) {}
  Solver(std::vector<Problem>& tasks, Policies<D, E, O, I> policies,
         BilevelOptions options = {}) requires simple
      : Solver(std::span<Problem>(tasks), std::move(policies), std::move(options), nullptr) {}
  /// The default policies.
  Solver(Problem& problem, BilevelOptions options)
      : Solver(problem, Policies<D, E, O, I>{}, std::move(options)) {}

  /// One outer step of all tasks' adapters, adapters[τ] those of task τ. The report lasts until the next
  /// step. A step is a transaction: an exception leaves θ, the adapters and the state as they were, and the
  /// step can be taken again.
  const StepReport& step(Theta& theta, std::span<Pair> adapters) {
    require(adapters.size() == problem_.num_tasks(), "adapters: {} pairs for {} tasks", adapters.size(),
            problem_.num_tasks());
    options_.check_length(std::uint64_t{state_.step} + 1);
    if (state_.step == 0) check_point(theta, adapters);
    sample(sampled_);
    backup_.save(adapters, state_.tasks, sampled_);
    next_estimator_ = state_.estimator;
    EvaluationCount evaluations = state_.evaluations;
    bool anchor_moves = false;
    try {
      report_.clear(state_.step);
      evaluations.gradients +=
          inner_.run(problem_, theta, adapters, sampled_, state_.tasks, options_, report_);
      if (options_.move_backbone) anchor_moves = outer_step(theta, adapters, evaluations);
    } catch (...) {
      backup_.restore(adapters, state_.tasks, sampled_);
      throw;
    }
    std::swap(state_.estimator, next_estimator_);
    if (anchor_moves) {
      state_.anchor.swap(next_anchor_);
      if constexpr (!std::is_copy_assignable_v<Theta>) next_anchor_.theta.reset();  // no memory to write over
    }
    state_.evaluations = evaluations;
    ++state_.step;
    return report_;
  }
  /// The same for a problem of one task.
  const StepReport& step(Theta& theta, Pair& adapters) { return step(theta, std::span(&adapters, 1)); }
  const StepReport& step(Theta& theta, std::vector<Pair>& adapters) {
    return step(theta, std::span<Pair>(adapters));
  }

  /// Up to `steps` outer steps, fewer when an observer returns false or ρ reaches outer_tolerance. Solving
  /// again continues from there.
  template <class Adapters, class Watch = NullObserver>
  Solution solve(Theta& theta, Adapters&& adapters, Watch&& observer, std::uint32_t steps) {
    static_assert(Observer<Watch>,
                  "zofo: the observer needs operator()(const StepReport&) -> bool (concept Observer)");
    options_.check_length(std::uint64_t{state_.step} + steps);
    const auto start = std::chrono::steady_clock::now();
    const EvaluationCount before = state_.evaluations;
    Solution solution;
    while (solution.steps < steps) {
      const StepReport& report = step(theta, adapters);
      ++solution.steps;
      if (!observer(report)) {
        solution.termination = Termination::observer;
        break;
      }
      if (options_.outer_tolerance > 0.0 && report.projected_gradient <= options_.outer_tolerance) {
        solution.termination = Termination::tolerance;
        break;
      }
    }
    solution.evaluations = {state_.evaluations.losses - before.losses,
                            state_.evaluations.gradients - before.gradients};
    solution.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (solution.steps > 0) solution.last = report_;
    return solution;
  }
  /// The same with BilevelOptions::outer_steps.
  template <class Adapters, class Watch = NullObserver>
  Solution solve(Theta& theta, Adapters&& adapters, Watch&& observer = {}) {
    return solve(theta, adapters, observer, options_.outer_steps);
  }

  /// The tasks that the next step will take: it reads and writes no other's adapters and moments, unless a
  /// variance reduction keeps an anchor.
  [[nodiscard]] std::vector<std::size_t> upcoming() const {
    std::vector<std::size_t> list;
    sample(list);
    return list;
  }
  /// The tasks of the latest step.
  [[nodiscard]] std::span<const std::size_t> sampled() const { return sampled_; }
  /// Moments, anchor and step number, to be saved or restored.
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] State& state() { return state_; }
  [[nodiscard]] const BilevelOptions& options() const { return options_; }
  [[nodiscard]] const D& perturbation() const { return perturbation_; }
  [[nodiscard]] const O& outer() const { return outer_; }

 private:
  Solver(std::span<Problem> tasks, Policies<D, E, O, I> policies, BilevelOptions options, std::nullptr_t)
      : problem_(hold(tasks)),
        perturbation_(std::move(policies.perturbation)),
        outer_level_(std::move(policies.estimator)),
        outer_(std::move(policies.outer)),
        inner_(std::move(policies.upper), std::move(policies.lower)),
        options_(std::move(options)) {
    options_.check(problem_.num_tasks());
    check_policy(perturbation_);
    outer_level_.check();
    check_policy(outer_);
    inner_.check();
    outer_level_.adopt_seed(options_.seed);
    state_.tasks.resize(problem_.num_tasks());
  }
  static decltype(auto) hold(std::span<Problem> tasks) {
    if constexpr (simple)
      return Batched(tasks);
    else
      return (tasks.front());
  }

  // The tasks of step `state_.step`.
  void sample(std::vector<std::size_t>& list) const {
    sample_tasks(options_.seed, state_.step, problem_.num_tasks(), options_.tasks_per_step,
                 options_.task_weights, list);
  }

  // The adapters and inner states of a step's tasks before it, on memory that is kept.
  struct Backup {
    std::vector<Memory<P>> upper, lower;
    std::vector<TaskState<I, P>> states;
    void save(std::span<const Pair> adapters, const std::vector<TaskState<I, P>>& now,
              std::span<const std::size_t> tasks) {
      if (upper.size() < tasks.size()) upper.resize(tasks.size());
      if (lower.size() < tasks.size()) lower.resize(tasks.size());
      if (states.size() < tasks.size()) states.resize(tasks.size());
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        upper[i] = adapters[tasks[i]].upper;
        lower[i] = adapters[tasks[i]].lower;
        states[i] = now[tasks[i]];
      }
    }
    void restore(std::span<Pair> adapters, std::vector<TaskState<I, P>>& now,
                 std::span<const std::size_t> tasks) const {
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        assign(*upper[i], adapters[tasks[i]].upper);
        assign(*lower[i], adapters[tasks[i]].lower);
        now[tasks[i]] = states[i];
      }
    }
  };

  // Estimates, then updates θ: nothing that could throw comes after that. Returns whether the anchor moves.
  bool outer_step(Theta& theta, std::span<Pair> adapters, EvaluationCount& evaluations) {
    decltype(auto) active = active_perturbation(perturbation_, state_.perturbation);
    const typename Level::Outcome outcome = outer_level_.estimate(
        problem_, {theta, adapters, sampled_, active}, options_, next_estimator_, state_.anchor, report_);
    evaluations.losses += outcome.losses;
    PerturbationState<D> learnt = state_.perturbation;
    learn_from_update(perturbation_, report_.gradient, learnt);
    if (outcome.anchor_moves) move_anchor(theta, adapters, active);
    outer_.apply(theta, active, report_.gradient, state_.outer);
    std::swap(state_.perturbation, learnt);
    return outcome.anchor_moves;
  }
  // Numbers that are copied over as many numbers cannot throw.
  template <class V>
  static constexpr bool plain_numbers = EigenPlain<V> || NumberRange<V>;
  // An optimiser that can be asked beforehand whether it will take the update lets the anchor be overwritten
  // where it is, when copying cannot throw halfway; else the present point goes into a second copy, which is
  // swapped in at the end.
  void move_anchor(const Theta& theta, std::span<const Pair> adapters, const Active& active) {
    if constexpr (outer::ChecksUpdate<O, Theta, Active> && plain_numbers<Theta> && plain_numbers<P>) {
      outer_.check_update(theta, active, report_.gradient, state_.outer);
      next_anchor_.swap(state_.anchor);
    }
    copy_theta(theta, next_anchor_.theta);
    next_anchor_.adapters.resize(adapters.size());
    for (std::size_t i = 0; i < adapters.size(); ++i) {
      next_anchor_.adapters[i].upper = adapters[i].upper;
      next_anchor_.adapters[i].lower = adapters[i].lower;
    }
    next_anchor_.penalty = options_.penalty.at(report_.step);
  }
  void check_point(const Theta& theta, std::span<const Pair> adapters) const {
    if constexpr (simple) problem_.check_point(theta, adapters);
    if constexpr (HasTensors<Theta>)
      require(!options_.move_backbone || coordinate_count(theta) > 0,
              "theta has no coordinates: nothing to update");
    if constexpr (HasCoordinates<const P>)
      for (const Pair& pair : adapters)
        require(coordinates(pair.lower).size() == coordinates(pair.upper).size(),
                "s (lower adapter) has {} coordinates: must have {}, as p", coordinates(pair.lower).size(),
                coordinates(pair.upper).size());
  }

  Held problem_;
  D perturbation_;
  Level outer_level_;
  O outer_;
  InnerRound<Batched, I> inner_;
  BilevelOptions options_;
  State state_;
  StepReport report_;
  std::vector<std::size_t> sampled_;
  typename Level::State next_estimator_;
  typename Level::AnchorPoint next_anchor_;
  Backup backup_;
};

template <class Problem>
Solver(Problem&, BilevelOptions) -> Solver<Problem>;
template <class Task, class D, class E, class O, class I>
Solver(std::vector<Task>&, Policies<D, E, O, I>, BilevelOptions) -> Solver<Task, D, E, O, I>;
template <class Task, class D, class E, class O, class I>
Solver(std::span<Task>, Policies<D, E, O, I>, BilevelOptions) -> Solver<Task, D, E, O, I>;

}  // namespace zofo
