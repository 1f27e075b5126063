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

namespace zofo {

/// Names a mini-batch inside one evaluation: the step's own batch, or one of an enumeration that is kept for
/// large batches (consecutive numbers draw without repetition until the rows are used up).
struct ProbeBatch {
  bool large = false;
  std::uint32_t number = 0;
};

/// What a reduction asks for: L at probes of the present point (θ, p, s) or of the anchor (θ̃, p̃, s̃), a copy
/// that `move_anchor` makes of the present point.
template <class V>
concept ProbeEvaluator = requires(V& v, std::span<const Probe> probes, ProbeBatch batch) {
  { v.here(probes, batch) } -> std::convertible_to<std::span<const double>>;
  { v.at_anchor(probes, batch) } -> std::convertible_to<std::span<const double>>;
  v.move_anchor();
};

namespace detail {

/// An evaluator of the concept's shape and nothing else, against which reductions are checked.
struct EvaluatorArchetype {
  std::span<const double> here(std::span<const Probe>, ProbeBatch);
  std::span<const double> at_anchor(std::span<const Probe>, ProbeBatch);
  void move_anchor();
};

}  // namespace detail

/// Takes an estimator's place: `estimate(step, evaluator, state, estimate)` writes over `estimate`; its State
/// survives from step to step. It must have asked for everything before it changes its state or the anchor,
/// so that a loss that throws leaves both as they were.
template <class R>
concept VarianceReduction = std::default_initializable<typename R::State> &&
    requires(const R& reduction, std::uint32_t step, detail::EvaluatorArchetype& evaluator,
             typename R::State& state, ZoGradient& estimate) {
  reduction.estimate(step, evaluator, state, estimate);
};

}  // namespace zofo
