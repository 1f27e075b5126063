/// @file The first-order part of an outer step: T updates of s and of p, for every task of the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/options.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/checkable.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/inner/evaluate.hpp"
#include "zofo/inner/inner_optimizer.hpp"

namespace zofo {

/// The state of the inner level for one task, kept from outer step to outer step.
template <class Inner, class P>
struct TaskState {
  typename Inner::template State<P> upper;  ///< state of the optimiser of p
  typename Inner::template State<P> lower;  ///< state of the optimiser of s
  double first_upper = kNotEvaluated;       ///< objective of p at its first update
  double first_lower = kNotEvaluated;       ///< objective of s at its first update
  double growth_upper = 1.0;  ///< factor by which updates of p have increased its objective, at least 1
  double growth_lower = 1.0;  ///< factor by which updates of s have increased its objective, at least 1

  /// The fields that a saved state contains.
  template <class A>
  void fields(A& archive) {
    archive(upper, lower, first_upper, first_lower, growth_upper, growth_lower);
  }
};

/// The mini-batches of the inner updates of outer step `step`.
struct InnerBatches {
  const BilevelOptions& options;  ///< seed, T and upper_with_lower
  std::uint32_t step;             ///< index of the outer step, from 0
  std::uint32_t task;             ///< index of the task, from 0

  /// Whether p is updated in inner step t (from 0).
  [[nodiscard]] bool upper_is_due(std::uint32_t t) const {
    return options.upper_with_lower || t + 1 == options.inner_steps;
  }
  /// The mini-batches of D_f and D_g in inner step t. p and s share the batch of D_g, so that its noise
  /// cancels in G(p) − G(s). Batches of D_f are numbered by updates of p, so that an epoch of D_f skips no
  /// example when p is updated once in an outer step.
  [[nodiscard]] BatchPair batches(std::uint32_t t) const {
    const std::uint32_t both = step * options.inner_steps + t;
    const std::uint32_t upper = options.upper_with_lower ? both : step;
    return {{options.seed, upper, stream_number(BatchStream::inner_upper), task},
            {options.seed, both, stream_number(BatchStream::inner_lower), task}};
  }
};

/// Applies the inner updates of an outer step (algorithm 1 of Bilevel-ZOFO). Each inner step is one call of
/// Problem::gradients for all tasks and both levels. Every adapter has its own gradient and optimiser state.
template <class Problem, class Inner>
class InnerRound {
 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Adapter;  ///< type of an adapter
  using State = TaskState<Inner, P>;    ///< state of one task
  static_assert(inner::InnerOptimizer<Inner, P>,
                "zofo: Inner needs State<P> and update(gradient, x, state) (concept InnerOptimizer)");
  static_assert(!inner::NeedsMinimiser<Inner, P> || HasMinimisers<Problem>,
                "zofo: inner::Exact needs a problem with lower_solution(theta) and penalty_solution(theta, "
                "penalty) (concept HasExactInner)");

  /// The optimisers of p and of s.
  InnerRound(Inner upper, Inner lower) : upper_(std::move(upper)), lower_(std::move(lower)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    check_policy(lower_);
    check_policy(upper_);
  }

  /// Updates the adapters of `tasks`; adapters[τ] and states[τ] belong to task τ. Writes means over the tasks
  /// into the report. Returns the number of gradients that the problem computed. Throws Error when a value or
  /// a gradient is not finite, or when a loss diverges (BilevelOptions::divergence_factor).
  std::uint64_t run(Problem& problem, const Theta& theta, std::span<AdapterPair<P>> adapters,
                    std::span<const std::size_t> tasks, std::vector<State>& states,
                    const BilevelOptions& options, StepReport& report) {
    progress_.assign(tasks.size(), {});
    std::uint64_t evaluations = 0;
    for (std::uint32_t t = 0; t < options.inner_steps; ++t) {
      list_requests(adapters, tasks, states, options, report.step, t);
      if (requests_.empty()) break;
      problem.gradients(theta, std::span(requests_));
      evaluations += requests_.size();
      for (std::size_t i = 0; i < requests_.size(); ++i) {
        const Slot slot = slots_[i];
        const std::size_t task = tasks[slot.member];
        const Context context{report.step, t, task, problem.num_tasks() > 1, slot.level};
        Progress& progress = progress_[slot.member].of(slot.level);
        const double length = check_request(requests_[i], progress.value, states[task], options, context);
        progress = {requests_[i].value, length,
                    options.inner_tolerance > 0.0 && length <= options.inner_tolerance};
        update(problem, theta, requests_[i], adapters[task], states[task], options.penalty.at(report.step),
               slot.level);
      }
    }
    write_report(options, report);
    return evaluations;
  }

 private:
  struct Progress {
    double value = kNotEvaluated;
    double gradient_norm = kNotEvaluated;
    bool converged = false;
  };
  struct PairProgress {
    Progress upper, lower;
    Progress& of(Level level) { return level == Level::upper ? upper : lower; }
  };
  // The adapter of a request: an index into the step's tasks, and p or s.
  struct Slot {
    std::size_t member;
    Level level;
  };
  // The update that an error message is about.
  struct Context {
    std::uint32_t step, t;
    std::size_t task;
    bool many;
    Level level;
    [[nodiscard]] std::string text() const {
      const char* adapter = level == Level::upper ? "p (upper adapter)" : "s (lower adapter)";
      return many ? fmt::format("outer step {}, inner step {}, task {}, {}", step, t, task, adapter)
                  : fmt::format("outer step {}, inner step {}, {}", step, t, adapter);
    }
    [[nodiscard]] const char* remedy() const {
      return level == Level::upper ? "a lower learning rate of p may help"
                                   : "a lower learning rate of s may help";
    }
  };

  void list_requests(std::span<AdapterPair<P>> adapters, std::span<const std::size_t> tasks,
                     std::vector<State>& states, const BilevelOptions& options, std::uint32_t step,
                     std::uint32_t t) {
    requests_.clear();
    slots_.clear();
    const double lambda = options.penalty.at(step);
    const double total = options.normalize_penalty ? 1.0 + lambda : 1.0;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      AdapterPair<P>& pair = adapters[tasks[i]];
      State& state = states[tasks[i]];
      const InnerBatches keys{options, step, static_cast<std::uint32_t>(tasks[i])};
      const BatchPair batches = keys.batches(t);
      if (options.train_lower && !progress_[i].lower.converged)
        add({i, Level::lower}, inner::evaluation_point(lower_, pair.lower, state.lower), 0.0, 1.0, batches);
      if (options.train_upper && !progress_[i].upper.converged && keys.upper_is_due(t))
        add({i, Level::upper}, inner::evaluation_point(upper_, pair.upper, state.upper), 1.0 / total,
            lambda / total, batches);
    }
    // Pointers are set last, because add() may reallocate the list of gradients.
    for (std::size_t i = 0; i < requests_.size(); ++i) requests_[i].gradient = &*gradients_[i];
  }
  void add(Slot slot, const P& x, double upper, double lower, const BatchPair& batches) {
    const std::size_t index = requests_.size();
    if (index == gradients_.size()) gradients_.emplace_back();
    inner::scratch_like(x, gradients_[index]);
    requests_.push_back({&x, upper, lower, batches, nullptr, 0.0});
    slots_.push_back(slot);
  }

  // Checks the value and the gradient that the problem wrote; returns the gradient's norm.
  double check_request(const GradientRequest<P>& request, double before, State& state,
                       const BilevelOptions& options, const Context& context) const {
    const auto described = [&context] { return inner::EvaluationContext{context.text(), context.remedy()}; };
    const inner::InnerStep evaluated =
        inner::checked_evaluation(request.value, *request.adapter, *request.gradient, described);
    // Per unit of weight, since λ may follow a schedule.
    const double weight = request.upper_weight + request.lower_weight;
    check_growth(evaluated.value / weight, before / weight, state, options, context);
    return evaluated.gradient_norm;
  }
  // A loss diverges when updates at a fixed θ increase it repeatedly and it is far above its first value.
  // Either condition by itself is too weak: updates of θ change the loss between rounds, and an optimiser
  // near a minimum may overshoot.
  static void check_growth(double value, double before, State& state, const BilevelOptions& options,
                           const Context& context) {
    const bool upper = context.level == Level::upper;
    double& first = upper ? state.first_upper : state.first_lower;
    double& growth = upper ? state.growth_upper : state.growth_lower;
    if (std::isnan(first)) first = value;
    if (std::isnan(before)) return;
    growth = std::max(1.0, growth * (1.0 + std::abs(value)) / (1.0 + std::abs(before)));
    const double limit = options.divergence_factor;
    if (limit > 0.0 && growth > limit && value > limit * std::max(1.0, std::abs(first)))
      fail("{}: the loss diverges: it is {} and was {} at first ({}; divergence_factor = {} sets the limit)",
           context.text(), value, first, context.remedy(), limit);
  }
  void update(Problem& problem, const Theta& theta, const GradientRequest<P>& request, AdapterPair<P>& pair,
              State& state, double penalty, Level level) const {
    const Inner& optimizer = level == Level::upper ? upper_ : lower_;
    P& x = level == Level::upper ? pair.upper : pair.lower;
    auto& optimizer_state = level == Level::upper ? state.upper : state.lower;
    inner::apply_update(optimizer, *request.gradient, x, optimizer_state, [&](auto& minimum) {
      if constexpr (HasMinimisers<Problem>) problem.minimiser(theta, request.task(), level, penalty, minimum);
    });
  }

  void write_report(const BilevelOptions& options, StepReport& report) const {
    const auto mean = [this](auto&& field) {
      double sum = 0.0;
      for (const PairProgress& pair : progress_) sum += field(pair);
      return sum / static_cast<double>(progress_.size());
    };
    report.inner_value_s = mean([](const PairProgress& m) { return m.lower.value; });
    report.inner_value_p = mean([](const PairProgress& m) { return m.upper.value; });
    report.inner_gradient_s = mean([](const PairProgress& m) { return m.lower.gradient_norm; });
    report.inner_gradient_p = mean([](const PairProgress& m) { return m.upper.gradient_norm; });
    report.inner_converged = options.train_lower || options.train_upper;
    for (const PairProgress& m : progress_)
      report.inner_converged = report.inner_converged && (!options.train_lower || m.lower.converged) &&
                               (!options.train_upper || m.upper.converged);
  }

  Inner upper_, lower_;
  std::vector<PairProgress> progress_;
  std::vector<Memory<P>> gradients_;
  std::vector<GradientRequest<P>> requests_;
  std::vector<Slot> slots_;
};

}  // namespace zofo
