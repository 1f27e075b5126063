/// @file The options of a training run of one task or many: one list of fields serves checking, TOML and the
/// command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "zofo/config/methods.hpp"
#include "zofo/config/option_enums.hpp"
#include "zofo/config/zeroth_order_options.hpp"

namespace zofo::llm {

/// How a run trains. `max_steps`, `max_seconds` and `max_forward_passes` all bound it; 0 leaves one of them
/// open. The values here are those of `zofo finetune`; config/method_presets.hpp has those of `zofo
/// meta-train` and of each method.
struct RunOptions : ZerothOrderOptions {
  Command command = Command::finetune;  ///< whose defaults these are; it is no option, and not in the list
  Method method = Method::bilevel;
  AdapterKind adapter = AdapterKind::lora;
  std::uint32_t inner_steps = 4;
  double penalty = 10.0;
  bool upper_every_inner_step = true;
  double lower_learning_rate = 2e-3;
  double upper_learning_rate = 2e-3;
  ScheduleKind lr_scheduler_type = ScheduleKind::constant;
  std::uint32_t warmup_steps = 0;
  std::uint32_t decay_steps = 0;
  double max_grad_norm = 0.0;
  double weight_decay = 0.0;
  std::uint32_t batch_size = 8;
  std::uint32_t gradient_accumulation_steps = 1;
  std::uint32_t tasks_per_step = 0;
  Sampling sampling = Sampling::uniform;
  double temperature = 2.0;
  ThetaRows backbone_examples = ThetaRows::shared;
  AdapterMode adapters = AdapterMode::persistent;
  std::uint32_t reset_interval = 20;
  std::uint32_t max_resident_adapters = 0;
  std::uint32_t max_steps = 0;
  double max_seconds = 0.0;
  double max_forward_passes = 0.0;
  std::uint32_t early_stopping_patience = 0;
  std::uint32_t eval_steps = 50;
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_target_modules = "q_proj,v_proj";
  std::uint32_t num_virtual_tokens = 5;
  std::uint32_t max_train_samples = 0;
  std::uint32_t max_eval_samples = 0;
  std::uint32_t max_prompt_tokens = 0;
  std::string template_name;  ///< of the task; "": its first
  std::uint32_t shots = 0;
  std::uint32_t demonstrations = 0;
  std::uint32_t curve_points = 6;
  std::uint32_t curve_samples = 96;
  double save_seconds = 30.0;
  std::uint32_t save_steps = 0;
  DeviceKind device = DeviceKind::automatic;
  Precision precision = Precision::automatic;
  bool deterministic = false;
  bool gradient_checkpointing = false;

  [[nodiscard]] Trains trains() const { return info(method).trains; }
  /// Zeroth-order updates change the backbone.
  [[nodiscard]] bool updates_backbone() const {
    return (trains() == Trains::both_levels && !info(method).traits.backbone_fixed) ||
           trains() == Trains::backbone;
  }
  /// Zeroth-order estimates update the backbone or an adapter.
  [[nodiscard]] bool takes_estimates() const {
    return updates_backbone() || trains() == Trains::adapter_by_estimates;
  }
  /// First-order steps on adapters are taken.
  [[nodiscard]] bool takes_gradients() const {
    return trains() == Trains::both_levels || trains() == Trains::adapter;
  }
  /// The sign of each zeroth-order estimate is random.
  [[nodiscard]] bool random_sign() const { return info(method).traits.random_sign; }
  /// All tasks share one pair of adapters, or there are none: their mixture is one task of the solver.
  [[nodiscard]] bool tied() const {
    return adapters == AdapterMode::shared || info(method).traits.joint || trains() == Trains::backbone ||
           trains() == Trains::adapter_by_estimates;
  }
  /// A meta-training ends with one adapter that belongs into the weights.
  [[nodiscard]] bool merged() const { return command == Command::meta_train && method == Method::joint_lora; }
  /// The run ends with adapters of its tasks, or with one that they share, to start from.
  [[nodiscard]] bool adapted() const { return takes_gradients() && !merged(); }
  /// Held-out rows are scored before the first step, and the log has events "before" and "after".
  [[nodiscard]] bool scores_before() const { return command == Command::meta_train; }
  /// Some training rows are set aside: they decide which of p and s is selected, and when to stop early.
  [[nodiscard]] bool splits_validation() const {
    return early_stopping_patience > 0 || (command == Command::finetune && trains() == Trains::both_levels);
  }

  /// Throws Error naming the first field that is out of range, its value and what is allowed.
  void check() const;
  /// The same for a run of `tasks` tasks.
  void check(std::size_t tasks) const;
};

/// Calls visit(name, field, help) for every option; the command line turns '_' into '-'.
template <class AnyOptions, class Visit>
requires std::is_same_v<std::remove_const_t<AnyOptions>, RunOptions>
void for_each_option(AnyOptions& o, Visit&& visit) {
  visit("method", o.method,
        "training method (zofo methods lists them); it sets the defaults of the other options");
  visit("adapter", o.adapter,
        "adapter type: lora, prefix or prompt; selects the variant of the method that uses it");
  visit("inner_steps", o.inner_steps,
        "T: adapter steps in each outer step; more: better adapters, slower outer steps");
  visit("penalty", o.penalty,
        "lambda: weight of G(p) - G(s); larger: the upper adapter follows the lower loss more closely");
  visit("upper_every_inner_step", o.upper_every_inner_step,
        "step p with every step of s; off: once in each outer step, which is faster");
  for_each_zeroth_order_option(o, visit);
  visit("lower_learning_rate", o.lower_learning_rate,
        "learning rate of the lower adapter s (Adam), and of first-order methods; lower it if the loss "
        "jumps");
  visit("upper_learning_rate", o.upper_learning_rate,
        "learning rate of the upper adapter p (Adam); lower it if the loss jumps");
  visit("lr_scheduler_type", o.lr_scheduler_type,
        "learning rates after the warm-up: constant, linear or cosine (both fall to 0); for long runs");
  visit("warmup_steps", o.warmup_steps,
        "outer steps in which the learning rates rise from 0; raise it if the first steps diverge");
  visit("decay_steps", o.decay_steps,
        "outer step at which the schedule ends; 0: at max_steps; set it for runs bounded by time");
  visit("max_grad_norm", o.max_grad_norm,
        "longest gradient of an adapter, longer ones are scaled down; 0: no limit; set it against loss "
        "spikes");
  visit("weight_decay", o.weight_decay,
        "decoupled weight decay of first-order adapter updates (AdamW); raise it against overfitting");
  visit("batch_size", o.batch_size, "examples per mini-batch; larger: less noise, more time and memory");
  visit("gradient_accumulation_steps", o.gradient_accumulation_steps,
        "mini-batches averaged in each step; raise it where a larger batch_size does not fit");
  visit("tasks_per_step", o.tasks_per_step,
        "tasks in each outer step, sampled without repetition; 0: all; fewer: faster steps");
  visit("sampling", o.sampling,
        "probability of a task: uniform, proportional (to its examples) or tempered "
        "(examples^(1/temperature))");
  visit("temperature", o.temperature,
        "temperature of tempered sampling; 1: proportional; larger: closer to uniform");
  visit("backbone_examples", o.backbone_examples,
        "examples of F for the backbone: shared (with p) or unseen (a third of its own, never seen by p)");
  visit("adapters", o.adapters,
        "adapters of the tasks: persistent, reset (every reset_interval steps) or shared (one pair for all "
        "tasks)");
  visit("reset_interval", o.reset_interval, "outer steps between two resets; only with adapters = reset");
  visit("max_resident_adapters", o.max_resident_adapters,
        "adapter pairs held in memory, the others on disk; 0: all; lower it to save memory");
  visit("max_steps", o.max_steps, "outer steps; 0: no limit; set it for runs that must be repeatable");
  visit("max_seconds", o.max_seconds, "seconds of training; 0: no limit");
  visit("max_forward_passes", o.max_forward_passes,
        "forward passes over a mini-batch, a gradient counts as two; 0: no limit; for equal budgets");
  visit("early_stopping_patience", o.early_stopping_patience,
        "stop after so many evaluations in a row without a lower validation loss, and select the best; 0: "
        "off");
  visit("eval_steps", o.eval_steps,
        "outer steps between two of these evaluations; smaller: finer, more time");
  visit("lora_rank", o.lora_rank, "rank of LoRA adapters; larger: more capacity, more memory");
  visit("lora_alpha", o.lora_alpha,
        "LoRA scale is lora_alpha / lora_rank; change it together with lora_rank");
  visit("lora_target_modules", o.lora_target_modules,
        "modules with LoRA, by commas: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj; short: q,v");
  visit("num_virtual_tokens", o.num_virtual_tokens,
        "virtual tokens of prefix and prompt adapters; larger: more capacity, longer sequences");
  visit("max_train_samples", o.max_train_samples,
        "training examples used of each task; 0: all; lower it for quick trials");
  visit("max_eval_samples", o.max_eval_samples,
        "validation examples scored of each task; 0: all; lower it to score faster");
  visit("max_prompt_tokens", o.max_prompt_tokens,
        "longer prompts keep their last tokens only; 0: as the task defines; lower it to save memory");
  visit("template", o.template_name, "prompt template of the task; empty: its first");
  visit("shots", o.shots,
        "training examples of each class, sampled by the seed; 0: all; for few-shot experiments");
  visit("demonstrations", o.demonstrations,
        "solved training examples in front of every prompt; more: longer prompts");
  visit("curve_points", o.curve_points,
        "points of the learning curve scored during training; 0: none; fewer: less time for scoring");
  visit("curve_samples", o.curve_samples,
        "validation examples of each task in a point of the curve; 0: all; more: smoother curves");
  visit("save_seconds", o.save_seconds,
        "seconds of training between two saved states, longer where saving takes over 1% of the time; 0: "
        "never");
  visit("save_steps", o.save_steps, "also save the state after so many steps; 0: by time only");
  visit("seed", o.seed,
        "seed of directions, batches, splits, tasks and adapters; change it to repeat a run with other "
        "samples");
  visit("device", o.device, "auto (a GPU if there is one), cpu or cuda");
  visit("precision", o.precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32");
  visit("gradient_checkpointing", o.gradient_checkpointing,
        "recompute activations for the adapters' gradients instead of saving them; less memory, more time");
  visit("deterministic", o.deterministic,
        "bit-identical results of repeated runs on the same GPU; somewhat slower");
}

}  // namespace zofo::llm

#include "zofo/config/run_options_check.hpp"
