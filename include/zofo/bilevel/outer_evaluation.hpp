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
#include "zofo/variance/variance_reduction.hpp"

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

/// Throws Error naming the field of a law or an estimator that is out of range.
template <class Law, class Estimator>
void check_policies(const Law& law, const Estimator& estimator) {
  if constexpr (requires { law.check(); }) law.check();
  if constexpr (requires { estimator.check(); })
    estimator.check();
  else if constexpr (requires { estimator.options.check(); })
    estimator.options.check();
}

/// Mini-batches of F and of G that a batch of probes sees.
inline SamplePair probe_samples(std::uint64_t seed, BatchKey batch) {
  if (batch.large) return {{seed, batch.number, kLargeUpper}, {seed, batch.number, kLargeLower}};
  return {{seed, batch.number, kProbeUpper}, {seed, batch.number, kProbeLower}};
}

/// Means over all probes of the present point; an infinite or missing loss shows in them.
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

/// Estimators divide ρ by the number of queries, so the sum of |c| is the mean of |ρ|.
inline void write_size(StepReport& report) {
  report.projected_gradient = 0.0;
  for (const ZoTerm& term : report.gradient.terms) report.projected_gradient += std::abs(term.coefficient);
}

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
  void check() const { detail::check_policies(law_, estimator_); }
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
    detail::write_size(report);
  }

 private:
  struct Point {
    const Theta& theta;
    const P& p;
    const P& s;
    double penalty;
  };
  struct Evaluator {
    OuterEvaluation& level;
    Problem& problem;
    Point point;
    std::uint64_t seed;
    State& state;
    detail::MeanTerms mean;

    std::span<const double> here(std::span<const Probe> probes, BatchKey batch) {
      PenaltyObjective<Problem, Law> objective = at(point);
      const auto list = objective.terms(point.theta, probes, detail::probe_samples(seed, batch));
      mean.add(list);
      return objective.values(list);
    }
    std::span<const double> at_anchor(std::span<const Probe> probes, BatchKey batch) requires reduces {
      PenaltyObjective<Problem, Law> objective = at({*state.theta, *state.p, *state.s, state.penalty});
      return objective.values(objective.terms(*state.theta, probes, detail::probe_samples(seed, batch)));
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
  };

  Law law_;
  Estimator estimator_;
  std::vector<Probe> probes_;
  PenaltyWorkspace<Theta> workspace_;
};

}  // namespace zofo
