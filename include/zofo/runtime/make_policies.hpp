/// @file What a run's options come to: the loop's options and the policies that the solver is made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "zofo/bilevel/options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/runtime/any_estimator.hpp"
#include "zofo/runtime/any_perturbation.hpp"
#include "zofo/runtime/any_outer.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/option_fields.hpp"

namespace zofo::llm {

/// What the options' method steps.
inline Trains trains(const Options& o) { return method_named(o.method).trains; }

/// True if a run's zeroth-order steps move the backbone.
inline bool moves_backbone(const Options& o) {
  return trains(o) == Trains::both_levels || trains(o) == Trains::backbone;
}

/// A learning rate that starts at `rate` and follows the options' schedule; `per_step`: how many steps its
/// optimiser takes in an outer step.
inline Schedule rate_schedule(const Options& o, double rate, std::uint32_t per_step = 1) {
  const auto counted = [per_step](std::uint64_t outer_steps) { return outer_steps * per_step; };
  const std::uint64_t end = o.decay_steps > 0 ? o.decay_steps : o.steps;
  Schedule schedule = rate;
  if (o.schedule == "linear") schedule = Schedule::linear(rate, 0.0, counted(end - o.warmup_steps));
  if (o.schedule == "cosine") schedule = Schedule::cosine(rate, 0.0, counted(end - o.warmup_steps));
  return schedule.with_warmup(counted(o.warmup_steps));
}

/// Steps of s in an outer step; p takes as many or one.
inline std::uint32_t inner_steps(const Options& o) {
  return trains(o) == Trains::both_levels ? o.inner_steps : 1;
}

/// The optimisers of s and p.
inline inner::Adam lower_adam(const Options& o) {
  return {.rate = rate_schedule(o, o.lower_rate, inner_steps(o)),
          .weight_decay = o.weight_decay,
          .clip = o.clip};
}
inline inner::Adam upper_adam(const Options& o) {
  return {.rate = rate_schedule(o, o.upper_rate, o.upper_with_lower ? inner_steps(o) : 1),
          .weight_decay = o.weight_decay,
          .clip = o.clip};
}

/// The solver's options. Without a step limit time ends the run; the bound is that batches are numbered in 32
/// bits.
inline BilevelOptions loop_options(const Options& o) {
  BilevelOptions loop;
  loop.inner_steps = inner_steps(o);
  const std::uint64_t most =
      std::numeric_limits<std::uint32_t>::max() / (std::uint64_t{loop.inner_steps} * o.accumulate);
  loop.outer_steps = o.steps > 0 ? o.steps : static_cast<std::uint32_t>(most);
  loop.penalty = o.penalty;
  loop.upper_with_lower = o.upper_with_lower;
  loop.seed = o.seed;
  switch (trains(o)) {
    case Trains::adapter:
      return loop.adapter_only();
    case Trains::backbone:
    case Trains::adapter_by_estimates:
      return loop.mezo();
    case Trains::both_levels:
      break;
  }
  return loop;
}

/// The perturbation distribution on θ, which a mask of magnitudes reads: θ must be as it was at the start.
template <class Theta>
AnyLaw make_law(const ZerothOrderOptions& o, const Theta& theta) {
  if (o.direction == "rademacher") return AnyLaw(Rademacher{});
  if (o.direction == "sphere") return AnyLaw(Sphere{});
  if (o.direction == "coordinate") return AnyLaw(Coordinate{});
  if (o.direction == "low-rank") return AnyLaw(LowRank{o.direction_rank, o.direction_hold});
  if (o.direction == "random-sparse")
    return AnyLaw(Sparse{Gaussian{}, RandomMask{o.density, o.seed, o.direction_hold}});
  if (o.direction == "sparse") {
    if constexpr (HasTensors<Theta>)
      return AnyLaw(Sparse{Gaussian{}, MagnitudeMask(theta, o.density)});
    else
      fail("direction = \"sparse\": not supported on a GPU; use --device cpu");
  }
  return AnyLaw(Gaussian{});
}

/// The estimator under its variance reduction. `random_sign`: each estimate's sign is random.
inline AnyReduction make_reduction(const ZerothOrderOptions& o, bool random_sign = false) {
  const auto chosen = [&](auto estimator) {
    return random_sign ? AnyEstimator(RandomSign<decltype(estimator)>{estimator, o.seed})
                       : AnyEstimator(estimator);
  };
  const AnyEstimator estimator = o.spread_scaled ? chosen(SpreadScaled{o.epsilon, o.queries, o.seed})
                                 : o.one_sided   ? chosen(Forward{o.epsilon, o.queries, o.seed})
                                                 : chosen(Central{o.epsilon, o.queries, o.seed});
  const std::uint32_t period = o.reduction_period, batches = o.reduction_batches;
  if (o.reduction == "svrg") return AnyReduction(AnyReduction::Svrg{estimator, period, batches});
  if (o.reduction == "spider") return AnyReduction(AnyReduction::Spider{estimator, period, batches});
  if (o.reduction == "storm") return AnyReduction(AnyReduction::Storm{estimator, o.storm_weight});
  return AnyReduction(AnyReduction::None{estimator});
}

/// The optimiser of what zeroth-order steps move, at `rate`.
inline AnyOuter make_outer(const ZerothOrderOptions& o, const Schedule& rate) {
  const outer::Sgd sgd{.rate = rate};
  const outer::Momentum momentum{.rate = rate, .momentum = o.momentum};
  if (o.outer == "momentum")
    return o.max_step > 0.0 ? AnyOuter(AnyOuter::BoundedMomentum{momentum, o.max_step}) : AnyOuter(momentum);
  if (o.outer == "adam") return AnyOuter(outer::Adam{.rate = rate, .beta1 = o.momentum});
  if (o.outer == "scalar-adam") return AnyOuter(outer::RmsScalar{.rate = rate});
  return o.max_step > 0.0 ? AnyOuter(AnyOuter::BoundedSgd{sgd, o.max_step}) : AnyOuter(sgd);
}
inline AnyOuter make_outer(const Options& o) { return make_outer(o, rate_schedule(o, o.theta_rate)); }

}  // namespace zofo::llm
