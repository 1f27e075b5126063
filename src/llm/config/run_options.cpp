#include "zofo/config/run_options.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>

#include "zofo/config/field_checks.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

void check_ranges(const RunOptions& o) {
  require_count("inner_steps", o.inner_steps, 1, 1'000'000);
  require_in("penalty", o.penalty, 0.0, 1e9);
  require_in("lower_learning_rate", o.lower_learning_rate, 0.0, 10.0);
  require_in("upper_learning_rate", o.upper_learning_rate, 0.0, 10.0);
  require_in("max_grad_norm", o.max_grad_norm, 0.0, 1e30);
  require_in("weight_decay", o.weight_decay, 0.0, 1e6);
  require_count("batch_size", o.batch_size, 1, 65536);
  require_count("gradient_accumulation_steps", o.gradient_accumulation_steps, 1, 65536);
  require_in("temperature", o.temperature, 1.0, 1e6);
  require_count("reset_interval", o.reset_interval, 1, 1'000'000'000);
  require_in("max_seconds", o.max_seconds, 0.0, 1e9);
  require_in("max_forward_passes", o.max_forward_passes, 0.0, 1e15);
  require_in("epochs", o.epochs, 0.0, 1e6);
  require_count("eval_steps", o.eval_steps, 1, std::numeric_limits<std::uint32_t>::max());
  require_count("lora_rank", o.lora_rank, 1, 4096);
  require_positive("lora_alpha", o.lora_alpha, 1e6);
  require(!o.lora_target_modules.empty(),
          "lora_target_modules = \"\": must name at least one of q_proj, k_proj, v_proj, o_proj, gate_proj, "
          "up_proj, down_proj");
  require_count("num_virtual_tokens", o.num_virtual_tokens, 1, 4096);
  require_count("shots", o.shots, 0, 1'000'000);
  require_count("demonstrations", o.demonstrations, 0, 4096);
  require_count("curve_samples", o.curve_samples, 0, 1'000'000);
  require_in("save_seconds", o.save_seconds, 0.0, 1e9);
  require_count("seed", o.seed, 0, std::numeric_limits<std::int64_t>::max());
}

// Checks the length of the run, and that its mini-batches can be numbered.
void check_length(const RunOptions& o) {
  require(o.method == Method::none || o.has_budget(),
          "epochs = 0, max_steps = 0, max_seconds = 0 and max_forward_passes = 0: at least one must be "
          "positive, for example --epochs {} or --max-steps 500",
          default_epochs);
  // Batches are numbered in 32 bits; past them they would repeat.
  require(std::uint64_t{o.max_steps} <= std::numeric_limits<std::uint32_t>::max() /
                                            (std::uint64_t{o.inner_steps} * o.gradient_accumulation_steps),
          "max_steps = {}: max_steps * inner_steps * gradient_accumulation_steps must be below 2^32",
          o.max_steps);
  if (o.lr_scheduler_type == ScheduleKind::constant) return;
  const std::uint32_t end = o.decay_steps > 0 ? o.decay_steps : o.max_steps;
  require(end > 0 || o.epochs > 0.0,
          "lr_scheduler_type = \"{}\": needs an end: --epochs, --max-steps or --decay-steps, for example "
          "--epochs {}",
          o.lr_scheduler_type, default_epochs);
  require(end == 0 || o.warmup_steps < end, "warmup_steps = {}: must be below {}, where the schedule ends",
          o.warmup_steps, end);
}

// Checks that the method supports the adapter.
void check_adapter(const RunOptions& o) {
  const MethodInfo& method = info(o.method);
  const bool free_choice = method.traits.any_adapter && o.adapter != AdapterKind::none;
  require(free_choice || o.adapter == method.adapter,
          "adapter = \"{}\": method {} supports adapter {}; with adapter {} it is method {}", o.adapter,
          o.method, method.adapter, o.adapter, sibling(o.method, o.adapter));
  require(o.takes_gradients() || (o.max_grad_norm == 0.0 && o.weight_decay == 0.0),
          "max_grad_norm = {}, weight_decay = {}: apply to first-order adapter updates; method {} has none, "
          "so both must be 0",
          o.max_grad_norm, o.weight_decay, o.method);
}

// Checks the fields of zeroth-order estimates against the method and the device.
void check_estimates(const RunOptions& o) {
  require(o.trains() != Trains::adapter ||
              (o.outer_optimizer == OuterKind::sgd && o.variance_reduction == ReductionKind::none &&
               !o.std_normalized && o.max_step_norm == 0.0),
          "method = \"{}\": takes no zeroth-order steps, so outer_optimizer must be sgd, variance_reduction "
          "none, std_normalized false and max_step_norm 0",
          o.method);
  require(o.trains() != Trains::adapter_by_estimates || o.direction != DirectionKind::low_rank,
          "direction = \"low-rank\": low-rank directions need matrices; method {} perturbs a vector",
          o.method);
  require(o.device != DeviceKind::cpu || o.precision != Precision::bf16,
          "precision = \"bf16\": needs a GPU: the CPU computes only in fp32");
  if (o.device == DeviceKind::cuda && o.updates_backbone()) o.check_zeroth_order_on_gpu();
}

// Checks the fields that define how several tasks share examples and adapters.
void check_sharing(const RunOptions& o) {
  require(o.keep_checkpoints == 0 || o.command == Command::finetune,
          "keep_checkpoints = {}: meta-train keeps none: must be 0", o.keep_checkpoints);
  require(o.keep_checkpoints == 0 || o.trains() != Trains::nothing,
          "keep_checkpoints = {}: method {} trains nothing: must be 0", o.keep_checkpoints, o.method);
  require(o.max_resident_adapters == 0 || o.variance_reduction == ReductionKind::none,
          "max_resident_adapters = {}: must be 0 with variance_reduction = \"{}\", which keeps all adapters "
          "of its anchor in memory",
          o.max_resident_adapters, o.variance_reduction);
  require(o.adapters == AdapterMode::persistent || (o.adapted() && !info(o.method).traits.joint),
          "adapters = \"{}\": method {} trains no adapters of single tasks: must be persistent", o.adapters,
          o.method);
  require(o.backbone_examples == ThetaRows::shared || o.trains() == Trains::both_levels,
          "backbone_examples = \"{}\": method {} does not train p with the backbone: must be shared",
          o.backbone_examples, o.method);
  require(o.command != Command::meta_train || o.trains() != Trains::adapter_by_estimates,
          "method = \"{}\": meta-train updates the backbone by estimates, or adapters by gradients; zofo "
          "finetune takes this method",
          o.method);
}

}  // namespace

RunOptions with_default_budget(RunOptions options) {
  if (!options.has_budget() && options.trains() != Trains::nothing) options.epochs = default_epochs;
  return options;
}

void RunOptions::check() const {
  check_zeroth_order();
  check_ranges(*this);
  check_length(*this);
  check_adapter(*this);
  check_estimates(*this);
  check_sharing(*this);
}

void RunOptions::check(std::size_t tasks) const {
  check();
  require(tasks >= 1, "tasks: none given: must be at least 1");
  require(tasks == 1 || command == Command::meta_train,
          "tasks: {} given: finetune takes one; meta-train takes several", tasks);
  require(tasks_per_step <= tasks, "tasks_per_step = {}: must be at most the {} tasks", tasks_per_step,
          tasks);
  // The upper half of a seed of samples is the number of the task.
  if (tasks > 1) require_count("seed", seed, 0, std::numeric_limits<std::uint32_t>::max());
}

}  // namespace zofo::llm
