#include "zofo/runtime/make_policies.hpp"

#include <limits>

namespace zofo::llm {

Schedule RateSchedule::of(double rate, std::uint32_t per_step) const {
  const auto counted = [per_step](std::uint64_t outer_steps) { return outer_steps * per_step; };
  Schedule schedule = rate;
  if (kind == ScheduleKind::linear) schedule = Schedule::linear(rate, 0.0, counted(end - warmup_steps));
  if (kind == ScheduleKind::cosine) schedule = Schedule::cosine(rate, 0.0, counted(end - warmup_steps));
  return schedule.with_warmup(counted(warmup_steps));
}

RateSchedule rate_schedule(const RunOptions& o) {
  return {o.lr_scheduler_type, o.warmup_steps, o.decay_steps > 0 ? o.decay_steps : o.max_steps};
}

std::uint32_t inner_steps(const RunOptions& o) {
  return o.trains() == Trains::both_levels ? o.inner_steps : 1;
}

inner::Adam lower_adam(const RunOptions& o) {
  return {.rate = rate_schedule(o).of(o.lower_learning_rate, inner_steps(o)),
          .weight_decay = o.weight_decay,
          .clip = o.max_grad_norm};
}
inner::Adam upper_adam(const RunOptions& o) {
  return {.rate = rate_schedule(o).of(o.upper_learning_rate, o.upper_every_inner_step ? inner_steps(o) : 1),
          .weight_decay = o.weight_decay,
          .clip = o.max_grad_norm};
}

BilevelOptions loop_options(const RunOptions& o) {
  BilevelOptions loop;
  loop.inner_steps = inner_steps(o);
  const std::uint64_t most = std::numeric_limits<std::uint32_t>::max() /
                             (std::uint64_t{loop.inner_steps} * o.gradient_accumulation_steps);
  loop.outer_steps = o.max_steps > 0 ? o.max_steps : static_cast<std::uint32_t>(most);
  loop.penalty = o.penalty;
  loop.normalize_penalty = false;
  loop.upper_with_lower = o.upper_every_inner_step;
  loop.seed = o.seed;
  if (!o.tied()) loop.tasks_per_step = o.tasks_per_step;
  switch (o.trains()) {
    case Trains::adapter:
      return loop.adapter_only();
    case Trains::backbone:
    case Trains::adapter_by_estimates:
      return loop.mezo();
    case Trains::both_levels:
    case Trains::nothing:
      break;
  }
  loop.move_backbone = o.updates_backbone();
  return loop;
}

AnyReduction make_reduction(const ZerothOrderOptions& o, bool random_sign) {
  const auto chosen = [&](auto estimator) {
    return random_sign ? AnyEstimator(RandomSign<decltype(estimator)>{estimator, o.seed})
                       : AnyEstimator(estimator);
  };
  const auto estimator =
      o.std_normalized
          ? chosen(StdNormalized{.epsilon = o.zo_eps, .queries = o.num_directions, .seed = o.seed})
      : o.forward_difference
          ? chosen(Forward{.epsilon = o.zo_eps, .queries = o.num_directions, .seed = o.seed})
          : chosen(Central{.epsilon = o.zo_eps, .queries = o.num_directions, .seed = o.seed});
  switch (o.variance_reduction) {
    case ReductionKind::svrg:
      return AnyReduction(AnyReduction::Svrg{estimator, o.anchor_interval, o.anchor_batches});
    case ReductionKind::spider:
      return AnyReduction(AnyReduction::Spider{estimator, o.anchor_interval, o.anchor_batches});
    case ReductionKind::storm:
      return AnyReduction(AnyReduction::Storm{estimator, o.storm_weight});
    case ReductionKind::none:
      break;
  }
  return AnyReduction(AnyReduction::None{estimator});
}
AnyReduction make_reduction(const RunOptions& o) { return make_reduction(o, o.random_sign()); }

AnyOuter make_outer(const ZerothOrderOptions& o, const Schedule& rate) {
  const outer::Sgd sgd{.rate = rate};
  const outer::Momentum momentum{.rate = rate, .momentum = o.momentum};
  const bool clipped = o.max_step_norm > 0.0;
  switch (o.outer_optimizer) {
    case OuterKind::momentum:
      return clipped ? AnyOuter(AnyOuter::ClippedMomentum{momentum, o.max_step_norm}) : AnyOuter(momentum);
    case OuterKind::adam:
      return AnyOuter(outer::Adam{.rate = rate, .beta1 = o.momentum});
    case OuterKind::rms_scalar:
      return AnyOuter(outer::RmsScalar{.rate = rate});
    case OuterKind::sgd:
      break;
  }
  return clipped ? AnyOuter(AnyOuter::ClippedSgd{sgd, o.max_step_norm}) : AnyOuter(sgd);
}
AnyOuter make_outer(const RunOptions& o) { return make_outer(o, rate_schedule(o).of(o.zo_learning_rate)); }

}  // namespace zofo::llm
