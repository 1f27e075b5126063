/// @file The first-order part of an outer step: T updates of s and of p, of every task of the step.
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

/// What the inner level carries from step to step for one task.
template <class Inner, class P>
struct TaskState {
  typename Inner::template State<P> upper, lower;  ///< of p's and of s's optimiser
  double first_upper = kNotEvaluated;              ///< objective of p at its first update
  double first_lower = kNotEvaluated;              ///< objective of s at its first update
  double growth_upper = 1.0;  ///< by how much p's updates have made its objective grow, at least 1
  double growth_lower = 1.0;  ///< the same of s

  template <class A>
  void fields(A& archive) {
    archive(upper, lower, first_upper, first_lower, growth_upper, growth_lower);
  }
};

/// The mini-batches of the inner updates of outer step `step`.
struct InnerBatches {
  const BilevelOptions& options;
  std::uint32_t step;
  std::uint32_t task;

  [[nodiscard]] bool upper_is_due(std::uint32_t t) const {
    return options.upper_with_lower || t + 1 == options.inner_steps;
  }
  // D_g's batch is the one that s saw, so its noise cancels in G(p) − G(s). D_f's is numbered by updates of
  // p, so that an epoch of D_f skips no example when p is stepped once an outer step.
  [[nodiscard]] BatchPair batches(std::uint32_t t) const {
    const std::uint32_t both = step * options.inner_steps + t;
    const std::uint32_t upper = options.upper_with_lower ? both : step;
    return {{options.seed, upper, stream_number(BatchStream::inner_upper), task},
            {options.seed, both, stream_number(BatchStream::inner_lower), task}};
  }
};

/// Takes the inner updates of an outer step; each inner step is one call of Problem::gradients for all tasks
/// and both levels. Every adapter is updated by its own gradient, with a state of its own.
template <class Problem, class Inner>
class InnerRound {
 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Adapter;
  using State = TaskState<Inner, P>;
  static_assert(inner::InnerOptimizer<Inner, P>,
                "zofo: Inner needs State<P> and update(gradient, x, state) (concept InnerOptimizer)");
  static_assert(!inner::NeedsMinimiser<Inner, P> || HasMinimisers<Problem>,
                "zofo: inner::Exact needs a problem with lower_solution(theta) and penalty_solution(theta, "
                "penalty) (concept HasExactInner)");

  InnerRound(Inner upper, Inner lower) : upper_(std::move(upper)), lower_(std::move(lower)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    check_policy(lower_);
    check_policy(upper_);
  }

  /// Updates the adapters of `tasks`; adapters[τ] and states[τ] are those of task τ. The report gets means
  /// over the tasks. Returns the number of gradients that were asked for. Throws Error when a value or a
  /// gradient is not finite, or a loss far above its first value.
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
        const Place place = places_[i];
        const std::size_t task = tasks[place.member];
        const Where where{report.step, t, task, problem.num_tasks() > 1, place.level};
        Progress& progress = progress_[place.member].of(place.level);
        const double length = take(requests_[i], progress.value, states[task], options, where);
        progress = {requests_[i].value, length,
                    options.inner_tolerance > 0.0 && length <= options.inner_tolerance};
        update(problem, theta, requests_[i], adapters[task], states[task], options.penalty.at(report.step),
               place.level);
      }
    }
    write(options, report);
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
  struct Place {
    std::size_t member;
    Level level;
  };
  // What a message about an inner update names.
  struct Where {
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
    places_.clear();
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
    // The list of gradients has stopped growing: its elements stay where they are.
    for (std::size_t i = 0; i < requests_.size(); ++i) requests_[i].gradient = &*gradients_[i];
  }
  void add(Place place, const P& x, double upper, double lower, const BatchPair& batches) {
    const std::size_t index = requests_.size();
    if (index == gradients_.size()) gradients_.emplace_back();
    inner::scratch_like(x, gradients_[index]);
    requests_.push_back({&x, upper, lower, batches, nullptr, 0.0});
    places_.push_back(place);
  }

  // Checks what the problem wrote; returns the gradient's norm.
  double take(const GradientRequest<P>& request, double before, State& state, const BilevelOptions& options,
              const Where& where) const {
    const auto context = [&where] { return inner::EvaluationContext{where.text(), where.remedy()}; };
    const inner::InnerStep seen =
        inner::checked_evaluation(request.value, *request.adapter, *request.gradient, context);
    // Per unit of weight, since λ may follow a schedule.
    const double weight = request.upper_weight + request.lower_weight;
    watch_growth(seen.value / weight, before / weight, state, options, where);
    return seen.gradient_norm;
  }
  // A loss diverges where updates at one θ make it grow again and again, and it is far above its first value.
  // Neither suffices: a θ that moves changes the loss between rounds, and an optimiser near a minimum may
  // bounce.
  static void watch_growth(double value, double before, State& state, const BilevelOptions& options,
                           const Where& where) {
    const bool upper = where.level == Level::upper;
    double& first = upper ? state.first_upper : state.first_lower;
    double& growth = upper ? state.growth_upper : state.growth_lower;
    if (std::isnan(first)) first = value;
    if (std::isnan(before)) return;
    growth = std::max(1.0, growth * (1.0 + std::abs(value)) / (1.0 + std::abs(before)));
    const double limit = options.divergence_factor;
    if (limit > 0.0 && growth > limit && value > limit * std::max(1.0, std::abs(first)))
      fail("{}: the loss diverges: it is {} and was {} at first ({}; divergence_factor = {} sets the limit)",
           where.text(), value, first, where.remedy(), limit);
  }
  void update(Problem& problem, const Theta& theta, const GradientRequest<P>& request, AdapterPair<P>& pair,
              State& state, double penalty, Level level) const {
    const Inner& optimizer = level == Level::upper ? upper_ : lower_;
    P& x = level == Level::upper ? pair.upper : pair.lower;
    auto& own = level == Level::upper ? state.upper : state.lower;
    inner::apply_update(optimizer, *request.gradient, x, own, [&](auto& minimum) {
      if constexpr (HasMinimisers<Problem>) problem.minimiser(theta, request.task(), level, penalty, minimum);
    });
  }

  void write(const BilevelOptions& options, StepReport& report) const {
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
  std::vector<Place> places_;
};

}  // namespace zofo
