/// @file Makes the solver's options and policies from a run's options.
#pragma once

#include <cstdint>

#include "zofo/bilevel/options.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/runtime/any_estimator.hpp"
#include "zofo/runtime/any_outer.hpp"
#include "zofo/runtime/any_perturbation.hpp"

namespace zofo::llm {

/// How the learning rates of a run depend on the outer step.
struct RateSchedule {
  ScheduleKind kind = ScheduleKind::constant;  ///< after the warm-up
  std::uint32_t warmup_steps = 0;              ///< outer steps in which a rate rises from 0
  std::uint32_t end = 0;  ///< outer step at which a rate reaches 0; unused for a constant rate

  /// The schedule of a rate of this value. `per_step`: updates of its optimiser in an outer step.
  [[nodiscard]] Schedule of(double rate, std::uint32_t per_step = 1) const;
};

/// The learning-rate schedule of a run's options.
RateSchedule rate_schedule(const RunOptions& o);

/// The number of updates of s in an outer step. p has as many, or one.
std::uint32_t inner_steps(const RunOptions& o);

/// The optimiser of s.
inner::Adam lower_adam(const RunOptions& o);
/// The optimiser of p.
inner::Adam upper_adam(const RunOptions& o);

/// The solver's options, except for the weights of the tasks. Without max_steps, the number of outer steps is
/// the largest whose mini-batches can be numbered in 32 bits. Tasks that share their adapters are one task of
/// the solver, whose mixture samples them. λ is not divided out, since Adam is invariant to the scale of p's
/// objective.
BilevelOptions loop_options(const RunOptions& o);

/// The distribution of the directions on θ. A magnitude mask reads θ, which must be as at the start of the
/// run. Throws Error if the device of θ does not support it.
template <class Theta>
AnyPerturbation make_perturbation(const ZerothOrderOptions& o, const Theta& theta) {
  switch (o.direction) {
    case DirectionKind::rademacher:
      return AnyPerturbation(Rademacher{});
    case DirectionKind::sphere:
      return AnyPerturbation(Sphere{});
    case DirectionKind::coordinate:
      return AnyPerturbation(Coordinate{});
    case DirectionKind::low_rank:
      return AnyPerturbation(LowRank{o.direction_rank, o.direction_interval});
    case DirectionKind::random_sparse:
      return AnyPerturbation(Sparse{Gaussian{}, RandomMask{o.mask_density, o.seed, o.direction_interval}});
    case DirectionKind::sparse:
      if constexpr (HasTensors<Theta>)
        return AnyPerturbation(Sparse{Gaussian{}, MagnitudeMask(theta, o.mask_density)});
      else
        fail("direction = \"sparse\": not supported on a GPU; use --device cpu");
    case DirectionKind::gaussian:
      break;
  }
  return AnyPerturbation(Gaussian{});
}

/// The estimator with its variance reduction; `random_sign`: the sign of each estimate is random.
AnyReduction make_reduction(const ZerothOrderOptions& o, bool random_sign);
/// The estimator of a run with its variance reduction.
AnyReduction make_reduction(const RunOptions& o);

/// The optimiser of the parameters that zeroth-order estimates update, with this learning rate.
AnyOuter make_outer(const ZerothOrderOptions& o, const Schedule& rate);
/// The optimiser of a run, with the run's learning-rate schedule.
AnyOuter make_outer(const RunOptions& o);

}  // namespace zofo::llm
