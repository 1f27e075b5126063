/// @file Concepts of variance reduction: a policy that contains an estimator and may request losses at an
/// anchor.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo::variance {

/// The mini-batch on which losses are evaluated: the step's own, or one of the sequence for large batches
/// (consecutive numbers use each example once per epoch).
struct ProbeBatch {
  bool large = false;        ///< false: the step's mini-batch; true: one of the sequence for large batches
  std::uint32_t number = 0;  ///< the step, or the number within that sequence
  /// Compares member by member.
  friend bool operator==(const ProbeBatch&, const ProbeBatch&) = default;
};

/// The evaluations that a reduction requests: the losses at probes of the current point (θ, p, s), by `here`,
/// or of the anchor (θ̃, p̃, s̃), a copy of an earlier point, by `at_anchor`. The spans of the last `here` and
/// the last `at_anchor` are valid at the same time. `move_anchor` makes the current point the anchor of
/// `at_anchor` from the next step on.
template <class V>
concept ProbeEvaluator = requires(V& evaluator, std::span<const Probe> probes, ProbeBatch batch) {
  { evaluator.here(probes, batch) } -> std::convertible_to<std::span<const double>>;
  { evaluator.at_anchor(probes, batch) } -> std::convertible_to<std::span<const double>>;
  evaluator.move_anchor();
};

namespace detail {

/// A type with the members of ProbeEvaluator and no others, for the check of the concept VarianceReduction.
struct EvaluatorArchetype {
  std::span<const double> here(std::span<const Probe>, ProbeBatch);
  std::span<const double> at_anchor(std::span<const Probe>, ProbeBatch);
  void move_anchor();
};

}  // namespace detail

/// Replaces an estimator: `estimate(step, evaluator, state, estimate)` overwrites `estimate`, including
/// `queries`. The State is carried from step to step. The solver passes a copy of it and adopts the copy if
/// the step succeeds, so an exception leaves the state unchanged.
template <class R>
concept VarianceReduction =
    std::default_initializable<typename R::State> &&
    requires(const R& reduction, std::uint32_t step, detail::EvaluatorArchetype& evaluator,
             typename R::State& state,
             ZoGradient& estimate) { reduction.estimate(step, evaluator, state, estimate); };

}  // namespace zofo::variance
