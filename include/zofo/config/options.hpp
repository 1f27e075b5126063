/// @file The options of a fine-tuning run and what they may be.
#pragma once

#include <cstdint>
#include <limits>

#include "zofo/config/method_presets.hpp"
#include "zofo/config/option_fields.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace detail {

inline void check_names(const Options& o) {
  require_one_of("schedule", o.schedule, {"constant", "linear", "cosine"});
  require_one_of("device", o.device, {"auto", "cpu", "cuda"});
  require_one_of("precision", o.precision, {"auto", "bf16", "fp32"});
}

inline void check_ranges(const Options& o) {
  require_count("inner_steps", o.inner_steps, 1, 1'000'000);
  require_in("penalty", o.penalty, 0.0, 1e9);
  require_in("lower_rate", o.lower_rate, 0.0, 10.0);
  require_in("upper_rate", o.upper_rate, 0.0, 10.0);
  require_in("clip", o.clip, 0.0, 1e30);
  require_in("weight_decay", o.weight_decay, 0.0, 1e6);
  require_count("batch", o.batch, 1, 65536);
  require_count("accumulate", o.accumulate, 1, 65536);
  require_in("seconds", o.seconds, 0.0, 1e9);
  require_in("passes", o.passes, 0.0, 1e15);
  require_count("evaluate_steps", o.evaluate_steps, 1, std::numeric_limits<std::uint32_t>::max());
  require_count("lora_rank", o.lora_rank, 1, 4096);
  require_positive("lora_alpha", o.lora_alpha, 1e6);
  require(!o.lora_targets.empty(), "lora_targets = \"\": must name at least one projection");
  require_count("virtual_tokens", o.virtual_tokens, 1, 4096);
  require_count("shots", o.shots, 0, 1'000'000);
  require_count("demonstrations", o.demonstrations, 0, 4096);
  require_count("curve_rows", o.curve_rows, 1, 1'000'000);
  require_in("save_seconds", o.save_seconds, 0.0, 1e9);
  require_count("seed", o.seed, 0, std::numeric_limits<std::int64_t>::max());
}

/// The adapter is the method's.
inline void check_adapter(const Options& o) {
  const Method& method = method_named(o.method);
  require(o.adapter == method.adapter, "adapter = \"{}\": method {} has {}; the same with {} is method {}",
          o.adapter, method.name, method.adapter, o.adapter, sibling(method.name, o.adapter).name);
  const bool by_gradient = method.trains == Trains::both_levels || method.trains == Trains::adapter;
  require(by_gradient || (o.clip == 0.0 && o.weight_decay == 0.0),
          "clip = {}, weight_decay = {}: of gradients of adapters, which method {} does not take", o.clip,
          o.weight_decay, method.name);
}

/// Fields that do not go together.
inline void check_estimates(const Options& o) {
  const Trains trains = method_named(o.method).trains;
  require(
      trains != Trains::adapter ||
          (o.outer == "sgd" && o.reduction == "none" && !o.spread_scaled && o.max_step == 0.0),
      "method = \"{}\": takes no zeroth-order steps, so outer, reduction, spread_scaled and max_step must "
      "stay as they are",
      o.method);
  require(trains != Trains::adapter_by_estimates || o.direction != "low-rank",
          "direction = \"low-rank\": method {} moves a vector, which has no rank", o.method);
  if (o.device != "cuda" || trains == Trains::adapter || trains == Trains::adapter_by_estimates) return;
  check_zeroth_order_on_gpu(o);
}

inline void check_length(const Options& o) {
  require(o.steps > 0 || o.seconds > 0.0 || o.passes > 0.0,
          "steps = 0, seconds = 0 and passes = 0: at least one must be positive");
  // Batches are numbered in 32 bits; past them they would repeat.
  require(std::uint64_t{o.steps} <=
              std::numeric_limits<std::uint32_t>::max() / (std::uint64_t{o.inner_steps} * o.accumulate),
          "steps = {}: steps * inner_steps * accumulate must be below 2^32", o.steps);
  if (o.schedule == "constant") return;
  const std::uint32_t end = o.decay_steps > 0 ? o.decay_steps : o.steps;
  require(end > 0, "schedule = \"{}\": needs decay_steps or steps to end at", o.schedule);
  require(o.warmup_steps < end, "warmup_steps = {}: must be below {}, where the schedule ends",
          o.warmup_steps, end);
}

}  // namespace detail

inline void Options::check() const {
  method_named(method);
  detail::check_names(*this);
  check_zeroth_order(*this);
  require(device != "cpu" || precision != "bf16", "precision = \"bf16\": the CPU computes in fp32 alone");
  detail::check_ranges(*this);
  detail::check_length(*this);
  detail::check_adapter(*this);
  detail::check_estimates(*this);
}

}  // namespace zofo::llm
