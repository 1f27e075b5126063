/// @file Bilevel-ZOFO: first-order steps on the adapters, zeroth-order steps on the backbone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/joint_inner_round.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/outer_evaluation.hpp"
#include "zofo/bilevel/penalty.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/core/report.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo {

/// The algorithm of Shirkavand et al. (Bilevel-ZOFO, NeurIPS 2025) over five policies; see DESIGN.md §4. In
/// the estimator's place stands an OuterZOEstimator or a VarianceReduction that wraps one. The problem is
/// borrowed and must outlive the solver.
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
  static_assert(OuterZOEstimator<Estimator> || VarianceReduction<Estimator>,
                "zofo: Estimator needs probes(step) -> vector<Probe> and combine(step, losses) -> ZoGradient "
                "(concept OuterZOEstimator), or State and estimate(step, evaluator, state, estimate) "
                "(concept VarianceReduction)");
  static_assert(
      OuterOptimizer<Outer, Theta, Law>,
      "zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)");

  /// All that a run carries from step to step beside θ, p and s.
  struct State {
    std::uint32_t step = 0;
    InnerStates<Inner, P> inner;
    typename OuterEvaluation<Problem, Law, Estimator>::State reduction;
    typename Outer::template State<Theta> outer;
  };

  /// Inner solvers for s and for p apart, each with a rate of its own. Throws Error when an option is out of
  /// range.
  Solver(Problem& problem, Law law, Estimator estimator, Outer outer, Inner inner_lower, Inner inner_upper,
         BilevelOptions options)
      : problem_(problem),
        outer_level_(std::move(law), std::move(estimator)),
        outer_(std::move(outer)),
        inner_(std::move(inner_lower), std::move(inner_upper)),
        options_(options) {
    options_.check();
    outer_level_.check();
    inner_.check();
    if constexpr (requires { outer_.options.check(); }) outer_.options.check();
  }
  /// One inner solver for both.
  Solver(Problem& problem, Law law, Estimator estimator, Outer outer, Inner inner, BilevelOptions options)
      : Solver(problem, std::move(law), std::move(estimator), std::move(outer), inner, inner, options) {}

  /// One outer step; θ, p and s are moved as far as the options let them. The report lasts until the next
  /// step. An exception from the problem or a policy leaves θ, p, s and the state as they were.
  const StepReport& step(Theta& theta, P& p, P& s) {
    if (state_.step == 0) check_point(theta, p, s);
    backup_.save(p, s, state_.inner);
    try {
      report_.clear(state_.step);
      inner_round(theta, p, s);
      if (options_.move_backbone) {
        outer_level_.estimate(problem_, theta, p, s, options_, state_.reduction, report_);
        outer_.apply(theta, outer_level_.law(), report_.gradient, state_.outer);
      }
    } catch (...) {
      backup_.restore(p, s, state_.inner);
      throw;
    }
    ++state_.step;
    return report_;
  }

  /// Outer steps until there were `outer_steps` or the observer says stop; returns the last one's report.
  template <class O = Silent>
  StepReport run(Theta& theta, P& p, P& s, O&& observer = {}) {
    static_assert(Observer<O>,
                  "zofo: the observer needs operator()(const StepReport&) -> bool (concept Observer)");
    while (state_.step < options_.outer_steps)
      if (!observer(step(theta, p, s))) break;
    return report_;
  }

  /// Moments and step number, to be saved or restored.
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] State& state() { return state_; }
  [[nodiscard]] const BilevelOptions& options() const { return options_; }

 private:
  // The adapters and their moments before a step; copied onto memory that is kept.
  struct Backup {
    std::optional<P> p, s;
    InnerStates<Inner, P> inner;
    void save(const P& now_p, const P& now_s, const InnerStates<Inner, P>& now) {
      p = now_p;
      s = now_s;
      inner = now;
    }
    void restore(P& to_p, P& to_s, InnerStates<Inner, P>& to) const {
      to_p = *p;
      to_s = *s;
      to = inner;
    }
  };

  // A problem that offers it (HasJointGradients) gives the gradients of s and p in one call.
  void inner_round(const Theta& theta, P& p, P& s) {
    if constexpr (takes_joint_rounds<Problem, Inner>) {
      typename JointInnerRound<Problem, Inner>::Member member{&problem_, &p, &s, &state_.inner,
                                                              options_.seed};
      joint_.run(inner_, std::span(&member, 1), theta, options_, report_);
    } else {
      inner_.run(problem_, theta, p, s, state_.inner, options_, options_.seed, report_);
    }
  }

  // A problem says what fits it by check_point, or by a start of the right shapes.
  void check_point(const Theta& theta, const P& p, const P& s) const {
    if constexpr (requires { problem_.check_point(theta, p, s); })
      problem_.check_point(theta, p, s);
    else if constexpr (requires { problem_.start().theta.size() == problem_.start().p.size(); }) {
      const auto fit = problem_.start();
      same_size("theta", theta, fit.theta);
      same_size("p", p, fit.p);
    }
    if constexpr (requires { theta.size(); })
      require(!options_.move_backbone || theta.size() > 0, "theta has no coordinates: nothing to move");
    same_size("s", s, p);
  }
  template <class V>
  static void same_size(const char* name, const V& x, const V& fit) {
    if constexpr (requires { x.rows() + x.cols(); })
      require(x.rows() == fit.rows() && x.cols() == fit.cols(), "{} is {}x{}: must be {}x{}", name, x.rows(),
              x.cols(), fit.rows(), fit.cols());
    else if constexpr (requires { x.size() == fit.size(); })
      require(x.size() == fit.size(), "{} has {} coordinates: must have {}", name, x.size(), fit.size());
  }

  Problem& problem_;
  OuterEvaluation<Problem, Law, Estimator> outer_level_;
  Outer outer_;
  InnerRound<Problem, Inner> inner_;
  JointRoundOf<Problem, Inner> joint_;
  BilevelOptions options_;
  State state_;
  StepReport report_;
  Backup backup_;
};

}  // namespace zofo
