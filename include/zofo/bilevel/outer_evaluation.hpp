/// @file The zeroth-order half of an outer step: probes, losses of the penalty, estimate.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/penalty.hpp"
#include "zofo/core/report.hpp"
#include "zofo/estimate/estimator.hpp"
#include "zofo/reduce/variance_reduction.hpp"

namespace zofo {

/// A copy of θ: by its copy constructor, or by `clone()` where copies must be asked for.
template <class Theta>
void copy_theta(const Theta& from, std::optional<Theta>& to) {
  if constexpr (std::is_copy_assignable_v<Theta>)
    to = from;
  else
    to = from.clone();
}

namespace detail {
struct RemembersNothing {
  struct State {};
};
}  // namespace detail

/// probes ← estimator; ℓᵢ = Fᵢ(p) + λ (Gᵢ(p) − Gᵢ(s)), same samples for all probes; combine(ℓ). With a
/// VarianceReduction, also losses at an anchor (θ̃, p̃, s̃), which is kept as a copy.
template <BilevelProblem Problem, class Law, class Estimator>
class OuterEvaluation {
 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Lower;
  static constexpr bool reduces = VarianceReduction<Estimator>;

  /// Where a reduction took its last anchor, and what it remembers; nothing for a plain estimator.
  struct NoState {};
  struct ReductionState {
    std::optional<Theta> theta;
    std::optional<P> p, s;
    double penalty = 0.0;
    typename std::conditional_t<reduces, Estimator, detail::RemembersNothing>::State remembered;
  };
  using State = std::conditional_t<reduces, ReductionState, NoState>;

  OuterEvaluation(Law law, Estimator estimator) : law_(std::move(law)), estimator_(std::move(estimator)) {}

  /// Throws Error naming the field out of range.
  void check() const {
    if constexpr (requires { law_.check(); }) law_.check();
    if constexpr (requires { estimator_.check(); })
      estimator_.check();
    else if constexpr (requires { estimator_.options.check(); })
      estimator_.options.check();
  }
  [[nodiscard]] const Law& law() const { return law_; }

  /// The estimate of step `report.step` into the report, with the mean losses of the probes at this point.
  void estimate(Problem& problem, const Theta& theta, const P& p, const P& s, const BilevelOptions& options,
                State& state, StepReport& report) {
    Evaluator evaluator{*this,        problem, {theta, p, s, options.penalty.at(report.step)},
                        options.seed, state,   {}};
    if constexpr (reduces) {
      estimator_.estimate(report.step, evaluator, state.remembered, report.gradient);
    } else {
      list_probes(estimator_, report.step, probes_);
      combine_losses(estimator_, report.step, evaluator.here(probes_, {.number = report.step}),
                     report.gradient);
    }
    evaluator.mean.write(report);
    // Estimators divide ρ by the number of queries, so the sum of |c| is the mean of |ρ|.
    report.projected_gradient = 0.0;
    for (const ZoTerm& term : report.gradient.terms) report.projected_gradient += std::abs(term.coefficient);
  }

  /// Losses of L_λ at probes of θ on the mini-batches of `batch`; what `estimate` asks for, one task of many.
  std::span<const PenaltyTerms> terms(Problem& problem, const Theta& theta, const P& p, const P& s,
                                      double penalty, std::span<const Probe> probes, SamplePair samples) {
    PenaltyObjective<Problem, Law> objective{problem, law_, p, s, penalty, workspace_};
    return objective.terms(theta, probes, samples);
  }

 private:
  struct Point {
    const Theta& theta;
    const P& p;
    const P& s;
    double penalty;
  };
  // Sums over all probes of the present point; an infinite or missing loss shows in the mean.
  struct MeanTerms {
    PenaltyTerms sum;
    double count = 0.0;
    void add(std::span<const PenaltyTerms> list) {
      for (const PenaltyTerms& t : list) {
        sum.upper += t.upper;
        sum.lower_p += t.lower_p;
        sum.lower_s += t.lower_s;
      }
      count += static_cast<double>(list.size());
    }
    void write(StepReport& report) const {
      report.upper = sum.upper / count;
      report.lower_p = sum.lower_p / count;
      report.lower_s = sum.lower_s / count;
    }
  };
  struct Evaluator {
    OuterEvaluation& level;
    Problem& problem;
    Point point;
    std::uint64_t seed;
    State& state;
    MeanTerms mean;

    std::span<const double> here(std::span<const Probe> probes, BatchKey batch) {
      PenaltyObjective<Problem, Law> objective = at(point);
      const auto list = objective.terms(point.theta, probes, samples(batch));
      mean.add(list);
      return objective.values(list);
    }
    std::span<const double> at_anchor(std::span<const Probe> probes, BatchKey batch) requires reduces {
      PenaltyObjective<Problem, Law> objective = at({*state.theta, *state.p, *state.s, state.penalty});
      return objective.values(objective.terms(*state.theta, probes, samples(batch)));
    }
    void move_anchor() requires reduces {
      copy_theta(point.theta, state.theta);
      state.p = point.p;
      state.s = point.s;
      state.penalty = point.penalty;
    }

   private:
    PenaltyObjective<Problem, Law> at(const Point& x) {
      return {problem, level.law_, x.p, x.s, x.penalty, level.workspace_};
    }
    [[nodiscard]] SamplePair samples(BatchKey batch) const {
      if (batch.large) return {{seed, batch.number, kLargeUpper}, {seed, batch.number, kLargeLower}};
      return {{seed, batch.number, kProbeUpper}, {seed, batch.number, kProbeLower}};
    }
  };

  Law law_;
  Estimator estimator_;
  std::vector<Probe> probes_;
  PenaltyWorkspace<Theta> workspace_;
};

}  // namespace zofo
