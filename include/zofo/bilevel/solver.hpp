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

/// The algorithm of Shirkavand et al. (Bilevel-ZOFO, NeurIPS 2025, algorithm 1 and §3.3) for one task or
/// many: min_θ mean_τ F_τ(θ, p*_τ(θ)). Each outer step updates the adapters of its tasks, each with its own
/// gradients and moments, and then θ with one estimate of the gradient of the mean of their penalty
/// functions.
///
/// `Problem` is a BilevelProblem, or a type with four functions (FourFunctions), of which one or a list is
/// passed. Problems must outlive the solver. `E` is an OuterZOEstimator, or a VarianceReduction that wraps
/// one.
template <class Problem, class D = Rademacher, class E = Central, class O = outer::Sgd, class I = inner::Adam>
class Solver {
  static constexpr bool simple = FourFunctions<Problem>;
  static_assert(simple || BilevelProblem<Problem, D>,
                "zofo: Problem needs Theta, Adapter, upper, lower, upper_gradient, lower_gradient (concept "
                "FourFunctions), or num_tasks, losses and gradients (concept BilevelProblem)");
  // A wrapper of the tasks is stored by value; a BilevelProblem is stored by reference.
  using Batched = typename detail::BatchedForm<Problem>::Type;
  using Held = std::conditional_t<simple, Batched, Problem&>;

 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Adapter;   ///< type of an adapter
  using Pair = AdapterPair<P>;           ///< p and s of a task
  using Active = ActivePerturbation<D>;  ///< distribution of one step
  static_assert(HasTensors<Theta> || Perturbation<Active, Theta>,
                "zofo: a Theta of your own needs for_each_tensor(theta, f), in the namespace of its type "
                "(concept HasTensors)");
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
  using Level = OuterStep<Batched, Active, E>;  ///< the zeroth-order part of a step

  /// The complete state of a run between two steps, except θ and the adapters.
  struct State {
    std::uint32_t step = 0;                   ///< index of the next outer step
    std::vector<TaskState<I, P>> tasks;       ///< inner optimisers of each task
    typename Level::State estimator;          ///< state of the estimator or variance reduction
    typename Level::AnchorPoint anchor;       ///< anchor of the variance reduction; empty without one
    PerturbationState<D> perturbation;        ///< state of a distribution that learns
    typename O::template State<Theta> outer;  ///< state of the outer optimiser
    EvaluationCount evaluations;              ///< evaluations so far
  };

  /// One task of four functions, or a BilevelProblem. Throws Error when an option or a policy is out of
  /// range.
  Solver(Problem& problem, Policies<D, E, O, I> policies, BilevelOptions options = {})
      : Solver(std::span<Problem>(&problem, 1), std::move(policies), std::move(options), nullptr) {}
  /// A list of tasks with four functions each.
  Solver(std::span<Problem> tasks, Policies<D, E, O, I> policies, BilevelOptions options = {})
    requires simple
      : Solver(tasks, std::move(policies), std::move(options), nullptr) {}
  /// A list of tasks with four functions each.
  Solver(std::vector<Problem>& tasks, Policies<D, E, O, I> policies, BilevelOptions options = {})
    requires simple
      : Solver(std::span<Problem>(tasks), std::move(policies), std::move(options), nullptr) {}
  /// The same with the default policies.
  Solver(Problem& problem, BilevelOptions options)
      : Solver(problem, Policies<D, E, O, I>{}, std::move(options)) {}

  /// Does one outer step; adapters[τ] belong to task τ. The returned report is valid until the next step. A
  /// step is a transaction: when it throws, θ, the adapters and the state are unchanged, and the step can be
  /// repeated. Throws Error when a loss or gradient is not finite, an inner loss diverges, shapes do not
  /// match, or the problem throws.
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
  /// The same for a list of pairs.
  const StepReport& step(Theta& theta, std::vector<Pair>& adapters) {
    return step(theta, std::span<Pair>(adapters));
  }

  /// Does up to `steps` outer steps; ends earlier when the observer returns false or ρ reaches
  /// outer_tolerance. `adapters` is one pair, a vector or a span. Another call continues from the state.
  /// Throws as step().
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

  /// The tasks of the next step. Unless a variance reduction needs an anchor, the step reads and writes the
  /// adapters and moments of these tasks only.
  [[nodiscard]] std::vector<std::size_t> upcoming() const {
    std::vector<std::size_t> list;
    sample(list);
    return list;
  }
  /// The tasks of the latest step.
  [[nodiscard]] std::span<const std::size_t> sampled() const { return sampled_; }
  /// Moments, anchor and step number. `save` and `load` (bilevel/solver_file.hpp) write and read them.
  [[nodiscard]] const State& state() const { return state_; }
  /// The same, to restore a saved state.
  [[nodiscard]] State& state() { return state_; }
  /// The options that the solver was constructed with.
  [[nodiscard]] const BilevelOptions& options() const { return options_; }
  /// The perturbation distribution, without its learnt state.
  [[nodiscard]] const D& perturbation() const { return perturbation_; }
  /// The outer optimiser.
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

  // The adapters and inner states of a step's tasks before the step. Its memory is reused by all steps.
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

  // Estimates, then updates θ; nothing after the update can throw. Returns whether the anchor is replaced.
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
  // Copying such a vector over another of the same size cannot throw.
  template <class V>
  static constexpr bool plain_numbers = EigenPlain<V> || NumberRange<V>;
  // If the optimiser can check the update in advance and copying cannot throw, the old anchor's memory is
  // overwritten. Otherwise the current point is copied to a second anchor, which replaces the first at the
  // end of the step.
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
