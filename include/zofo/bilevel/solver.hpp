/// @file Bilevel-ZOFO: first-order steps on the adapters, zeroth-order steps on the backbone.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/penalty.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/core/report.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/inner/inner_solver.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo {

/// Streams of the samples; the pair of θ's probes is (stream, stream + 1).
enum SampleStream : std::uint32_t { kInnerUpper = 0, kInnerLower = 1, kProbeUpper = 2, kProbeLower = 3 };

/// The algorithm of Shirkavand et al. (Bilevel-ZOFO, NeurIPS 2025) over five policies; see DESIGN.md §4.
/// The problem is borrowed and must outlive the solver.
template <class Problem, class Law, class Estimator, class Outer, class Inner>
class Solver {
  static_assert(BilevelProblem<Problem>,
                "zofo: Problem needs Theta, Lower, upper, lower, upper_gradient, lower_gradient "
                "(concept BilevelProblem)");

 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Lower;
  static_assert(
      Perturbation<Law, Theta>,
      "zofo: Law needs add(theta, direction, a) and second_moment_factor(d) (concept Perturbation)");
  static_assert(OuterZOEstimator<Estimator>,
                "zofo: Estimator needs probes(step) -> vector<Probe> and combine(step, losses) -> ZoGradient "
                "(concept OuterZOEstimator)");
  static_assert(
      OuterOptimizer<Outer, Theta, Law>,
      "zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)");
  static_assert(InnerSolver<Inner, LowerObjective<Problem>, P> &&
                    InnerSolver<Inner, UpperObjective<Problem>, P>,
                "zofo: Inner needs State<P> and step(objective, x, state) -> double (concept InnerSolver)");

  /// All that a run carries from step to step beside θ, p and s.
  struct State {
    std::uint32_t step = 0;
    typename Inner::template State<P> lower, upper;
    typename Outer::template State<Theta> outer;
  };

  /// Inner solvers for s and for p apart, each with a rate of its own. Throws Error when an option is out of
  /// range.
  Solver(Problem& problem, Law law, Estimator estimator, Outer outer, Inner inner_lower, Inner inner_upper,
         BilevelOptions options)
      : problem_(problem),
        law_(std::move(law)),
        estimator_(std::move(estimator)),
        outer_(std::move(outer)),
        inner_lower_(std::move(inner_lower)),
        inner_upper_(std::move(inner_upper)),
        options_(options) {
    options_.check();
    check_policy(estimator_);
    check_policy(outer_);
    check_policy(inner_lower_);
    check_policy(inner_upper_);
  }
  /// One inner solver for both.
  Solver(Problem& problem, Law law, Estimator estimator, Outer outer, Inner inner, BilevelOptions options)
      : Solver(problem, std::move(law), std::move(estimator), std::move(outer), inner, inner, options) {}

  /// One outer step; θ, p and s are moved as far as the options let them.
  StepReport step(Theta& theta, P& p, P& s) {
    StepReport report;
    report.step = state_.step;
    for (std::uint32_t t = 0; t < options_.inner_steps; ++t) {
      if (options_.train_lower) report.inner_value_s = step_lower(theta, s, t);
      if (options_.train_upper && upper_is_due(t)) report.inner_value_p = step_upper(theta, p, t);
    }
    if (options_.move_backbone) step_backbone(theta, p, s, report);
    ++state_.step;
    return report;
  }

  /// Outer steps until there were `outer_steps` or the observer says stop; returns the last one's report.
  template <class O = Silent>
  StepReport run(Theta& theta, P& p, P& s, O&& observer = {}) {
    static_assert(Observer<O>,
                  "zofo: the observer needs operator()(const StepReport&) -> bool (concept Observer)");
    StepReport report;
    while (state_.step < options_.outer_steps) {
      report = step(theta, p, s);
      if (!observer(report)) break;
    }
    return report;
  }

  /// Moments and step number, to be saved or restored.
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] State& state() { return state_; }
  [[nodiscard]] const BilevelOptions& options() const { return options_; }

 private:
  template <class Policy>
  static void check_policy(const Policy& policy) {
    if constexpr (requires { policy.options.check(); }) policy.options.check();
  }
  [[nodiscard]] bool upper_is_due(std::uint32_t t) const {
    return options_.upper_with_lower || t + 1 == options_.inner_steps;
  }
  [[nodiscard]] Sample inner_sample(std::uint32_t stream, std::uint32_t t) const {
    return {options_.seed, state_.step * options_.inner_steps + t, stream};
  }

  // s ← InnerSolver step on G(θ, ·; D_g)
  double step_lower(const Theta& theta, P& s, std::uint32_t t) {
    LowerObjective<Problem> objective{problem_, theta, inner_sample(kInnerLower, t)};
    return inner_lower_.step(objective, s, state_.lower);
  }
  // p ← InnerSolver step on (F + λG)(θ, ·; D_f, D_g); D_g's batch is the one s saw, so its noise cancels in
  // G(p) − G(s).
  double step_upper(const Theta& theta, P& p, std::uint32_t t) {
    const SamplePair samples{upper_sample(t), inner_sample(kInnerLower, t)};
    UpperObjective<Problem> objective{problem_, theta, options_.penalty, samples};
    return inner_upper_.step(objective, p, state_.upper);
  }
  // Numbered by steps of p, so that an epoch of D_f skips no row when p is stepped once an outer step.
  [[nodiscard]] Sample upper_sample(std::uint32_t t) const {
    if (options_.upper_with_lower) return inner_sample(kInnerUpper, t);
    return {options_.seed, state_.step, kInnerUpper};
  }
  // θ ← OuterOptimizer(θ, combine(ℓ)), ℓᵢ = Fᵢ(p) + λ (Gᵢ(p) − Gᵢ(s)), same samples for all probes
  void step_backbone(Theta& theta, const P& p, const P& s, StepReport& report) {
    const std::vector<Probe> probes = estimator_.probes(state_.step);
    const SamplePair samples{{options_.seed, state_.step, kProbeUpper},
                             {options_.seed, state_.step, kProbeLower}};
    PenaltyObjective<Problem, Law> objective{problem_, law_, p, s, options_.penalty};
    const std::vector<PenaltyTerms> terms = objective.terms(theta, probes, samples);
    report.gradient = estimator_.combine(state_.step, objective.values(terms));
    outer_.apply(theta, law_, report.gradient, state_.outer);
    summarise(terms, report);
  }
  static void summarise(std::span<const PenaltyTerms> terms, StepReport& report) {
    PenaltyTerms sum;
    for (const PenaltyTerms& t : terms) {
      sum.upper += t.upper;
      sum.lower_p += t.lower_p;
      sum.lower_s += t.lower_s;
    }
    const auto n = static_cast<double>(terms.size());
    report.upper = sum.upper / n;
    report.lower_p = sum.lower_p / n;
    report.lower_s = sum.lower_s / n;
    // Estimators divide ρ by the number of queries, so the sum of |c| is the mean of |ρ|.
    report.projected_gradient = 0.0;
    for (const ZoTerm& term : report.gradient.terms) report.projected_gradient += std::abs(term.coefficient);
  }

  Problem& problem_;
  Law law_;
  Estimator estimator_;
  Outer outer_;
  Inner inner_lower_, inner_upper_;
  BilevelOptions options_;
  State state_;
};

}  // namespace zofo
