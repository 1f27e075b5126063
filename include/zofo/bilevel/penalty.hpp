/// @file The penalty L_λ = F(θ,p) + λ (G(θ,p) − G(θ,s)) at many probes of θ (THEORY.md §1).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "zofo/bilevel/inner_objectives.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/report.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// Memory that evaluations of the penalty reuse: once warm, an evaluation allocates nothing of its own.
template <class Theta>
struct PenaltyWorkspace {
  std::optional<Theta> plus, minus;  ///< θ at a probe, and at its mirror image
  std::vector<PenaltyTerms> terms;
  std::vector<double> losses;
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
  PenaltyWorkspace<Theta>& workspace;

  /// F(·,p), G(·,p), G(·,s) of every probe; G is left out (NaN) when λ = 0. Valid until the next call.
  std::span<const PenaltyTerms> terms(const Theta& theta, std::span<const Probe> probes, SamplePair samples) {
    workspace.terms.clear();
    if constexpr (HasUpperValues<Problem, Law>) {
      if (penalty == 0.0) {
        for (const double value : problem.upper_values(theta, law, probes, p, samples.upper))
          workspace.terms.push_back({value, kNotEvaluated, kNotEvaluated});
        return workspace.terms;
      }
    }
    if constexpr (HasPenaltyTerms<Problem, Law>)
      workspace.terms = problem.penalty_terms(theta, law, probes, p, s, samples.upper, samples.lower);
    else
      one_by_one(theta, probes, samples);
    return workspace.terms;
  }
  /// Values of L_λ from its terms. Valid until the next call.
  std::span<const double> values(std::span<const PenaltyTerms> list) {
    workspace.losses.clear();
    for (const PenaltyTerms& t : list)
      workspace.losses.push_back(penalty == 0.0 ? t.upper : t.value(penalty));
    return workspace.losses;
  }
  /// Values of L_λ at the probes; D_g's batch has the stream after D_f's.
  std::vector<double> evaluate(const Theta& theta, std::span<const Probe> probes, Sample sample) {
    const auto losses = values(terms(theta, probes, {sample, {sample.seed, sample.step, sample.stream + 1}}));
    return {losses.begin(), losses.end()};
  }

 private:
  [[nodiscard]] PenaltyTerms at(const Theta& theta, SamplePair samples) {
    const double upper = problem.upper(theta, p, samples.upper);
    if (penalty == 0.0) return {upper, kNotEvaluated, kNotEvaluated};
    return {upper, problem.lower(theta, p, samples.lower), problem.lower(theta, s, samples.lower)};
  }
  // For problems without a batched form: each probe is written to a copy of θ, and the noise of a pair ±ε is
  // generated once.
  void one_by_one(const Theta& theta, std::span<const Probe> probes, SamplePair samples) {
    for (std::size_t i = 0; i < probes.size(); ++i) {
      const Probe& probe = probes[i];
      if (probe.scale == 0.0) {
        workspace.terms.push_back(at(theta, samples));
      } else if (i + 1 < probes.size() && mirrored(probe, probes[i + 1])) {
        Theta& plus = shaped(workspace.plus, theta);
        Theta& minus = shaped(workspace.minus, theta);
        write_perturbed_pair(law, theta, probe.direction, probe.scale, plus, minus);
        workspace.terms.push_back(at(plus, samples));
        workspace.terms.push_back(at(minus, samples));
        ++i;
      } else {
        Theta& plus = shaped(workspace.plus, theta);
        write_perturbed(law, theta, probe.direction, probe.scale, plus);
        workspace.terms.push_back(at(plus, samples));
      }
    }
  }
  static bool mirrored(const Probe& a, const Probe& b) {
    return a.direction == b.direction && a.scale == -b.scale;
  }
  static Theta& shaped(std::optional<Theta>& copy, const Theta& theta) {
    if (!copy) copy = theta;
    return *copy;
  }
};

}  // namespace zofo
