/// @file The zeroth-order part of an outer step: losses at perturbed θ, and the estimate from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
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
#include "zofo/estimate/estimator.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/variance_reduction.hpp"

namespace zofo {

/// Copies θ by assignment, or by `clone()` for types without copy assignment.
template <class Theta>
void copy_theta(const Theta& from, Memory<Theta>& to) {
  if constexpr (std::is_copy_assignable_v<Theta>)
    to = from;
  else
    to = from.clone();
}

/// The point at which a variance reduction evaluates its anchor (docs/results/theory/statements.md, E7).
template <class Theta, class P>
struct Anchor {
  Memory<Theta> theta;                           ///< a copy of θ; empty before the first anchor
  std::vector<AdapterPair<Memory<P>>> adapters;  ///< p and s of every task at that step
  double penalty = 0.0;                          ///< λ at that step

  /// Exchanges two anchors without copying.
  void swap(Anchor& other) noexcept {
    theta.swap(other.theta);
    adapters.swap(other.adapters);
    std::swap(penalty, other.penalty);
  }
};

/// Estimates the gradient in θ of the mean over the step's tasks of F(θ, p) + λ (G(θ, p) − G(θ, s)). The
/// estimator lists the probes, one batched call evaluates all losses, and the estimator combines them. All
/// probes of a task share its mini-batches (docs/results/theory/statements.md, E5). A VarianceReduction also
/// evaluates losses at its anchor.
template <class Problem, class D, class Estimator>
class OuterStep {
 public:
  using Theta = typename Problem::Theta;
  using P = typename Problem::Adapter;  ///< type of an adapter
  /// The variance reduction; an estimator without one is wrapped in variance::None.
  using Reduction =
      typename std::conditional_t<variance::VarianceReduction<Estimator>, std::type_identity<Estimator>,
                                  std::type_identity<variance::None<Estimator>>>::type;
  using State = typename Reduction::State;  ///< state of the variance reduction, kept from step to step
  using AnchorPoint = Anchor<Theta, P>;     ///< type of its anchor

  /// Uses an OuterZOEstimator, or a VarianceReduction that wraps one.
  explicit OuterStep(Estimator estimator) : reduction_(std::move(estimator)) {}

  /// Throws Error naming the field out of range.
  void check() const { check_policy(reduction_); }
  /// Sets the seed of the directions if the estimator has none.
  void adopt_seed(std::uint64_t seed) { zofo::adopt_seed(reduction_, seed); }

  /// The point at which the gradient is estimated.
  struct Point {
    const Theta& theta;                        ///< the backbone
    std::span<const AdapterPair<P>> adapters;  ///< the adapters of all tasks
    std::span<const std::size_t> tasks;        ///< the tasks of the step
    const D& perturbation;                     ///< distribution of the directions
  };
  /// The cost of an estimate, and whether the anchor must be replaced.
  struct Outcome {
    std::uint64_t losses = 0;   ///< number of losses that the problem evaluated
    bool anchor_moves = false;  ///< the caller must replace the anchor by a copy of the point
  };

  /// Writes the estimate of step `report.step` and the mean losses over the probes into the report. Updates
  /// `state`, but not the anchor. Throws Error when the reduction needs an anchor and there is none.
  Outcome estimate(Problem& problem, const Point& point, const BilevelOptions& options, State& state,
                   const AnchorPoint& anchor, StepReport& report) {
    Evaluator evaluator{*this, problem, point, options, anchor, options.penalty.at(report.step), {}, {}};
    reduction_.estimate(report.step, evaluator, state, report.gradient);
    evaluator.mean.write(report);
    report.projected_gradient = zofo::projected_gradient(report.gradient);
    return evaluator.outcome;
  }

 private:
  // Means over all probes of the current point. An infinite or missing loss makes them infinite or NaN.
  struct MeanTerms {
    PenaltyTerms sum;
    double count = 0.0;
    void add(const PenaltyTerms& t) {
      sum.upper += t.upper;
      sum.lower_p += t.lower_p;
      sum.lower_s += t.lower_s;
      count += 1.0;
    }
    void write(StepReport& report) const {
      report.upper = sum.upper / count;
      report.lower_p = sum.lower_p / count;
      report.lower_s = sum.lower_s / count;
    }
  };
  struct Evaluator {
    OuterStep& level;
    Problem& problem;
    const Point& point;
    const BilevelOptions& options;
    const AnchorPoint& anchor;
    double penalty;
    MeanTerms mean;
    Outcome outcome;

    std::span<const double> here(std::span<const Probe> probes, variance::ProbeBatch batch) {
      const auto adapter = [this](std::size_t task) {
        const AdapterPair<P>& pair = point.adapters[task];
        return AdapterPair<const P*>{&pair.upper, &pair.lower};
      };
      return losses(point.theta, adapter, penalty, {probes, batch}, level.here_, &mean);
    }
    std::span<const double> at_anchor(std::span<const Probe> probes, variance::ProbeBatch batch) {
      bool whole = anchor.theta && anchor.adapters.size() == point.adapters.size();
      for (const auto& pair : anchor.adapters) whole = whole && pair.upper && pair.lower;
      require(whole, "outer step {}: the variance reduction needs an anchor: the state has none",
              batch.number);
      const auto adapter = [this](std::size_t task) {
        const AdapterPair<Memory<P>>& pair = anchor.adapters[task];
        return AdapterPair<const P*>{&*pair.upper, &*pair.lower};
      };
      return losses(*anchor.theta, adapter, anchor.penalty, {probes, batch}, level.at_anchor_, nullptr);
    }
    void move_anchor() { outcome.anchor_moves = true; }

   private:
    struct Probes {
      std::span<const Probe> list;
      variance::ProbeBatch batch;
    };
    template <class Adapters>
    std::span<const double> losses(const Theta& theta, const Adapters& adapters, double lambda,
                                   const Probes& probed, std::vector<double>& list, MeanTerms* sum) {
      const std::span<const Probe> probes = probed.list;
      level.list_requests(adapters, point.tasks, lambda, options.seed, probed.batch);
      const std::size_t width = level.requests_.size();
      level.values_.resize(probes.size() * width);
      problem.losses(theta, point.perturbation, probes, std::span<const LossRequest<P>>(level.requests_),
                     std::span(level.values_));
      outcome.losses += level.values_.size();
      list.assign(probes.size(), 0.0);
      const std::size_t each = lambda == 0.0 ? 1 : 3;
      for (std::size_t task = 0; task < point.tasks.size(); ++task)
        for (std::size_t i = 0; i < probes.size(); ++i) {
          const double* const at = level.values_.data() + i * width + task * each;
          const PenaltyTerms terms = lambda == 0.0 ? PenaltyTerms{at[0], kNotEvaluated, kNotEvaluated}
                                                   : PenaltyTerms{at[0], at[1], at[2]};
          list[i] +=
              (lambda == 0.0 ? terms.upper : terms.value(lambda)) / static_cast<double>(point.tasks.size());
          if (sum != nullptr) sum->add(terms);
        }
      return list;
    }
  };

  // For each task F(p), and if λ is not 0 also G(p) and G(s).
  template <class Adapters>
  void list_requests(const Adapters& adapters, std::span<const std::size_t> tasks, double penalty,
                     std::uint64_t seed, variance::ProbeBatch batch) {
    requests_.clear();
    const auto stream = [&](BatchStream small, BatchStream large) {
      return stream_number(batch.large ? large : small);
    };
    const std::uint32_t upper_stream = stream(BatchStream::probe_upper, BatchStream::large_upper);
    const std::uint32_t lower_stream = stream(BatchStream::probe_lower, BatchStream::large_lower);
    for (const std::size_t task : tasks) {
      const auto number = static_cast<std::uint32_t>(task);
      const BatchKey upper{seed, batch.number, upper_stream, number};
      const BatchKey lower{seed, batch.number, lower_stream, number};
      const AdapterPair<const P*> pair = adapters(task);
      requests_.push_back({Level::upper, pair.upper, upper});
      if (penalty == 0.0) continue;
      requests_.push_back({Level::lower, pair.upper, lower});
      requests_.push_back({Level::lower, pair.lower, lower});
    }
  }

  Reduction reduction_;
  std::vector<LossRequest<P>> requests_;
  std::vector<double> values_, here_, at_anchor_;
};

}  // namespace zofo
