/// @file The penalty L_λ = F(θ,p) + λ (G(θ,p) − G(θ,s)) as outer and inner objectives (THEORY.md §1).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "zofo/core/problem.hpp"
#include "zofo/core/report.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// The samples of one evaluation: D_f's batch and D_g's batch.
struct SamplePair {
  Sample upper, lower;
};

/// G(θ, ·) on one batch.
template <BilevelProblem Problem>
struct LowerObjective {
  Problem& problem;
  const typename Problem::Theta& theta;
  Sample sample;

  /// Value and gradient in s.
  double value_and_gradient(const typename Problem::Lower& s, typename Problem::Lower& gradient) {
    return problem.lower_gradient(theta, s, sample, gradient);
  }
};

/// (F + λG)(θ, ·) on one pair of batches; in one pass where the problem offers it.
template <BilevelProblem Problem>
struct UpperObjective {
  Problem& problem;
  const typename Problem::Theta& theta;
  double penalty;
  SamplePair samples;

  /// Value and gradient in p.
  double value_and_gradient(const typename Problem::Lower& p, typename Problem::Lower& gradient) {
    if constexpr (HasPenaltyGradient<Problem>) {
      return problem.penalty_gradient(theta, p, penalty, samples.upper, samples.lower, gradient);
    } else {
      double value = problem.upper_gradient(theta, p, samples.upper, gradient);
      if (penalty == 0.0) return value;
      auto lower = zeros_like(p);
      value += penalty * problem.lower_gradient(theta, p, samples.lower, lower);
      axpy(penalty, lower, gradient);
      return value;
    }
  }
};

/// L_λ(·, p, s) at many probes; θ is never modified. All probes see the same pair of batches.
template <BilevelProblem Problem, class Law>
struct PenaltyObjective {
  using Theta = typename Problem::Theta;
  using Lower = typename Problem::Lower;
  Problem& problem;
  const Law& law;
  const Lower& p;
  const Lower& s;
  double penalty;

  /// F(·,p), G(·,p), G(·,s) of every probe; G is left out (NaN) when λ = 0.
  std::vector<PenaltyTerms> terms(const Theta& theta, std::span<const Probe> probes, SamplePair samples) {
    if (penalty == 0.0) {
      if constexpr (HasUpperValues<Problem, Law>)
        return upper_only(problem.upper_values(theta, law, probes, p, samples.upper));
    }
    if constexpr (HasPenaltyTerms<Problem, Law>)
      return problem.penalty_terms(theta, law, probes, p, s, samples.upper, samples.lower);
    else
      return one_by_one(theta, probes, samples);
  }

  /// Values of L_λ at the probes; D_g's batch has the stream after D_f's.
  std::vector<double> evaluate(const Theta& theta, std::span<const Probe> probes, Sample sample) {
    const auto list = terms(theta, probes, {sample, {sample.seed, sample.step, sample.stream + 1}});
    return values(list);
  }
  /// Values of L_λ from its terms.
  [[nodiscard]] std::vector<double> values(std::span<const PenaltyTerms> list) const {
    std::vector<double> losses;
    losses.reserve(list.size());
    for (const PenaltyTerms& t : list) losses.push_back(penalty == 0.0 ? t.upper : t.value(penalty));
    return losses;
  }

 private:
  static std::vector<PenaltyTerms> upper_only(const std::vector<double>& upper) {
    std::vector<PenaltyTerms> list;
    for (const double value : upper) list.push_back({value, kNotEvaluated, kNotEvaluated});
    return list;
  }
  PenaltyTerms at(const Theta& theta, SamplePair samples) {
    const double upper = problem.upper(theta, p, samples.upper);
    if (penalty == 0.0) return {upper, kNotEvaluated, kNotEvaluated};
    return {upper, problem.lower(theta, p, samples.lower), problem.lower(theta, s, samples.lower)};
  }
  // For problems without a batched form: each probe is realised in a scratch copy of θ.
  std::vector<PenaltyTerms> one_by_one(const Theta& theta, std::span<const Probe> probes,
                                       SamplePair samples) {
    std::vector<PenaltyTerms> list;
    Theta scratch = theta;
    for (const Probe& probe : probes) {
      scratch = theta;
      if (probe.scale != 0.0) law.add(scratch, probe.direction, probe.scale);
      list.push_back(at(scratch, samples));
    }
    return list;
  }
};

}  // namespace zofo
