/// @file What the options of a run may be; included by run_options.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "zofo/config/field_checks.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace detail {

inline void check_ranges(const RunOptions& o) {
  require_count("inner_steps", o.inner_steps, 1, 1'000'000);
  require_in("penalty", o.penalty, 0.0, 1e9);
  require_in("lower_rate", o.lower_rate, 0.0, 10.0);
  require_in("upper_rate", o.upper_rate, 0.0, 10.0);
  require_in("clip", o.clip, 0.0, 1e30);
  require_in("weight_decay", o.weight_decay, 0.0, 1e6);
  require_count("batch", o.batch, 1, 65536);
  require_count("accumulate", o.accumulate, 1, 65536);
  require_in("temperature", o.temperature, 1.0, 1e6);
  require_count("reset_every", o.reset_every, 1, 1'000'000'000);
  require_in("seconds", o.seconds, 0.0, 1e9);
  require_in("passes", o.passes, 0.0, 1e15);
  require_count("evaluate_steps", o.evaluate_steps, 1, std::numeric_limits<std::uint32_t>::max());
  require_count("lora_rank", o.lora_rank, 1, 4096);
  require_positive("lora_alpha", o.lora_alpha, 1e6);
  require(!o.lora_targets.empty(), "lora_targets = \"\": must name at least one projection");
  require_count("virtual_tokens", o.virtual_tokens, 1, 4096);
  require_count("shots", o.shots, 0, 1'000'000);
  require_count("demonstrations", o.demonstrations, 0, 4096);
  require_count("curve_rows", o.curve_rows, 0, 1'000'000);
  require_in("save_seconds", o.save_seconds, 0.0, 1e9);
  require_count("seed", o.seed, 0, std::numeric_limits<std::int64_t>::max());
}

/// How long the run is, and that its mini-batches can be numbered.
inline void check_length(const RunOptions& o) {
  require(o.method == Method::none || o.steps > 0 || o.seconds > 0.0 || o.passes > 0.0,
          "steps = 0, seconds = 0 and passes = 0: at least one must be positive");
  // Batches are numbered in 32 bits; past them they would repeat.
  require(std::uint64_t{o.steps} <=
              std::numeric_limits<std::uint32_t>::max() / (std::uint64_t{o.inner_steps} * o.accumulate),
          "steps = {}: steps * inner_steps * accumulate must be below 2^32", o.steps);
  if (o.schedule == ScheduleKind::constant) return;
  const std::uint32_t end = o.decay_steps > 0 ? o.decay_steps : o.steps;
  require(end > 0, "schedule = \"{}\": needs decay_steps or steps to end at", o.schedule);
  require(o.warmup_steps < end, "warmup_steps = {}: must be below {}, where the schedule ends",
          o.warmup_steps, end);
}

/// The adapter is one that the method has.
inline void check_adapter(const RunOptions& o) {
  const MethodInfo& method = info(o.method);
  const bool free_choice = method.traits.any_adapter && o.adapter != AdapterKind::none;
  require(free_choice || o.adapter == method.adapter,
          "adapter = \"{}\": method {} has {}; the same with {} is method {}", o.adapter, o.method,
          method.adapter, o.adapter, sibling(o.method, o.adapter));
  require(o.takes_gradients() || (o.clip == 0.0 && o.weight_decay == 0.0),
          "clip = {}, weight_decay = {}: of gradients of adapters, which method {} does not take", o.clip,
          o.weight_decay, o.method);
}

/// Fields of zeroth-order estimates that do not go together with the method or the device.
inline void check_estimates(const RunOptions& o) {
  require(
      o.trains() != Trains::adapter || (o.outer == OuterKind::sgd && o.reduction == ReductionKind::none &&
                                        !o.std_normalized && o.max_step == 0.0),
      "method = \"{}\": takes no zeroth-order steps, so outer, reduction, spread_scaled and max_step must "
      "stay as they are",
      o.method);
  require(o.trains() != Trains::adapter_by_estimates || o.direction != DirectionKind::low_rank,
          "direction = \"low-rank\": method {} moves a vector, which has no rank", o.method);
  require(o.device != DeviceKind::cpu || o.precision != Precision::bf16,
          "precision = \"bf16\": needs a GPU: the CPU computes only in fp32");
  if (o.device == DeviceKind::cuda && o.updates_backbone()) o.check_zeroth_order_on_gpu();
}

/// Fields that say how several tasks share rows and adapters.
inline void check_sharing(const RunOptions& o) {
  require(o.in_memory == 0 || o.reduction == ReductionKind::none,
          "in_memory = {}: not with reduction = \"{}\", which keeps all adapters of its anchor: must be 0",
          o.in_memory, o.reduction);
  require(o.adapters == AdapterMode::kept || (o.adapted() && !info(o.method).traits.joint),
          "adapters = \"{}\": method {} has no adapters of its tasks: must be kept", o.adapters, o.method);
  require(o.theta_rows == ThetaRows::shared || o.trains() == Trains::both_levels,
          "theta_rows = \"{}\": method {} fits no p beside the backbone: must be shared", o.theta_rows,
          o.method);
  require(o.command != Command::meta_train || o.trains() != Trains::adapter_by_estimates,
          "method = \"{}\": meta-train updates the backbone by estimates, or adapters by gradients; zofo "
          "finetune takes this method",
          o.method);
}

}  // namespace detail

inline void RunOptions::check() const {
  check_zeroth_order();
  detail::check_ranges(*this);
  detail::check_length(*this);
  detail::check_adapter(*this);
  detail::check_estimates(*this);
  detail::check_sharing(*this);
}

inline void RunOptions::check(std::size_t tasks) const {
  check();
  require(tasks >= 1, "tasks: none is named: must be at least 1");
  require(tasks == 1 || command == Command::meta_train,
          "tasks: {} are named: finetune takes one; meta-train takes several", tasks);
  require(tasks_per_step <= tasks, "tasks_per_step = {}: must be at most the {} tasks", tasks_per_step,
          tasks);
  // The upper half of the seeds of samples tells tasks apart.
  if (tasks > 1) require_count("seed", seed, 0, std::numeric_limits<std::uint32_t>::max());
}

}  // namespace zofo::llm
