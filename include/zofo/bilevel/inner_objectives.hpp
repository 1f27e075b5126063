/// @file The two inner objectives, G and F + λG (THEORY.md §1).
#pragma once

#include <optional>

#include "zofo/core/problem.hpp"

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
  /// s*(θ) in closed form.
  void minimiser(typename Problem::Lower& s) const requires HasExactInner<Problem> {
    s = problem.lower_solution(theta);
  }
};

/// (F + λG)(θ, ·) on one pair of batches; in one pass where the problem offers it.
template <BilevelProblem Problem>
struct UpperObjective {
  using Lower = typename Problem::Lower;
  Problem& problem;
  const typename Problem::Theta& theta;
  double penalty;
  SamplePair samples;
  std::optional<Lower>* scratch = nullptr;  ///< memory for ∇G that the caller keeps, if it likes

  /// Value and gradient in p.
  double value_and_gradient(const Lower& p, Lower& gradient) {
    if constexpr (HasPenaltyGradient<Problem>) {
      return problem.penalty_gradient(theta, p, penalty, samples.upper, samples.lower, gradient);
    } else {
      double value = problem.upper_gradient(theta, p, samples.upper, gradient);
      if (penalty == 0.0) return value;
      std::optional<Lower> own;
      std::optional<Lower>& lower = scratch ? *scratch : own;
      if (!lower) lower = zeros_like(p);
      value += penalty * problem.lower_gradient(theta, p, samples.lower, *lower);
      axpy(penalty, *lower, gradient);
      return value;
    }
  }
  /// p_λ(θ) in closed form.
  void minimiser(Lower& p) const requires HasExactInner<Problem> {
    p = problem.penalty_solution(theta, penalty);
  }
};

}  // namespace zofo
