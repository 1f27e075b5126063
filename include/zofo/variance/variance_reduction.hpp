/// @file Concepts of variance reduction: a policy that wraps an estimator and may ask for losses at an
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

/// Which mini-batch the losses are asked on: the step's own, or one of an enumeration that is kept for large
/// batches (consecutive numbers sample without repetition until the examples are used up).
struct ProbeBatch {
  bool large = false;
  std::uint32_t number = 0;
  friend bool operator==(const ProbeBatch&, const ProbeBatch&) = default;
};

/// What a reduction asks: the losses at probes of the present point (θ, p, s) or of the anchor (θ̃, p̃, s̃), a
/// copy of an earlier one. The spans of the last `here` and the last `at_anchor` stay valid together.
/// `move_anchor` marks the present point as the next anchor, which `at_anchor` sees from the next step on.
template <class V>
concept ProbeEvaluator = requires(V& evaluator, std::span<const Probe> probes, ProbeBatch batch) {
  { evaluator.here(probes, batch) } -> std::convertible_to<std::span<const double>>;
  { evaluator.at_anchor(probes, batch) } -> std::convertible_to<std::span<const double>>;
  evaluator.move_anchor();
};

namespace detail {

/// An evaluator of the concept's shape and nothing else, against which reductions are checked.
struct EvaluatorArchetype {
  std::span<const double> here(std::span<const Probe>, ProbeBatch);
  std::span<const double> at_anchor(std::span<const Probe>, ProbeBatch);
  void move_anchor();
};

}  // namespace detail

/// Takes an estimator's place: `estimate(step, evaluator, state, estimate)` writes over `estimate`, its
/// `queries` too; its State passes from step to step. The solver hands it a copy of the state and keeps that
/// copy when the step succeeds, so an exception leaves the state as it was.
template <class R>
concept VarianceReduction = std::default_initializable<typename R::State> &&
    requires(const R& reduction, std::uint32_t step, detail::EvaluatorArchetype& evaluator,
             typename R::State& state, ZoGradient& estimate) {
  reduction.estimate(step, evaluator, state, estimate);
};

}  // namespace zofo::variance
