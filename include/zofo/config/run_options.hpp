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

/// How a run trains. `steps`, `seconds` and `passes` all bound it; 0 leaves one of them open. The values here
/// are those of `zofo finetune`; config/method_presets.hpp has those of `zofo meta-train` and of each method.
struct RunOptions : ZerothOrderOptions {
  Command command = Command::finetune;  ///< whose defaults these are; it is no option, and not in the list
  Method method = Method::bilevel;
  AdapterKind adapter = AdapterKind::lora;
  std::uint32_t inner_steps = 4;
  double penalty = 10.0;
  bool upper_with_lower = true;
  double lower_rate = 2e-3;
  double upper_rate = 2e-3;
  ScheduleKind schedule = ScheduleKind::constant;
  std::uint32_t warmup_steps = 0;
  std::uint32_t decay_steps = 0;
  double clip = 0.0;
  double weight_decay = 0.0;
  std::uint32_t batch = 8;
  std::uint32_t accumulate = 1;
  std::uint32_t tasks_per_step = 0;
  Sampling sampling = Sampling::uniform;
  double temperature = 2.0;
  ThetaRows theta_rows = ThetaRows::shared;
  AdapterMode adapters = AdapterMode::kept;
  std::uint32_t reset_every = 20;
  std::uint32_t in_memory = 0;
  std::uint32_t steps = 0;
  double seconds = 0.0;
  double passes = 0.0;
  std::uint32_t patience = 0;
  std::uint32_t evaluate_steps = 50;
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_targets = "q,v";
  std::uint32_t virtual_tokens = 5;
  std::uint32_t train_rows = 0;
  std::uint32_t validation_rows = 0;
  std::uint32_t max_tokens = 0;
  std::string template_name;  ///< of the task; "": its first
  std::uint32_t shots = 0;
  std::uint32_t demonstrations = 0;
  std::uint32_t curve_points = 6;
  std::uint32_t curve_rows = 96;
  double save_seconds = 30.0;
  std::uint32_t save_steps = 0;
  DeviceKind device = DeviceKind::automatic;
  Precision precision = Precision::automatic;
  bool deterministic = false;
  bool recompute = false;

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
    return adapters == AdapterMode::tied || info(method).traits.joint || trains() == Trains::backbone ||
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
    return patience > 0 || (command == Command::finetune && trains() == Trains::both_levels);
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
  visit("method", o.method, "bilevel, lora, mezo, ...: zofo methods lists them; it sets the options below");
  visit("adapter", o.adapter,
        "lora, prefix or prompt: the method's sibling with that adapter; none: only the backbone");
  visit("inner_steps", o.inner_steps, "T: adapter steps of an outer step");
  visit("penalty", o.penalty, "lambda: weight of G(p) - G(s)");
  visit("upper_with_lower", o.upper_with_lower, "step p with every s step; off: once an outer step");
  for_each_zeroth_order_option(o, visit);
  visit("lower_rate", o.lower_rate, "learning rate of the lower adapter s (Adam); also of lora");
  visit("upper_rate", o.upper_rate, "learning rate of the upper adapter p (Adam)");
  visit("schedule", o.schedule, "all learning rates after the warm-up: constant, linear or cosine (to 0)");
  visit("warmup_steps", o.warmup_steps, "outer steps in which the learning rates rise from 0");
  visit("decay_steps", o.decay_steps, "outer step at which the schedule ends; 0: at `steps`");
  visit("clip", o.clip, "longest gradient of an adapter, 0: no limit");
  visit("weight_decay", o.weight_decay, "decoupled weight decay of the adapters (AdamW)");
  visit("batch", o.batch, "rows of a mini-batch of one task");
  visit("accumulate", o.accumulate, "mini-batches averaged in a step: as one that many times as large");
  visit("tasks_per_step", o.tasks_per_step, "tasks of an outer step, sampled without repetition; 0: all");
  visit("sampling", o.sampling,
        "a task's chance to be sampled: uniform, proportional (to its rows) or tempered "
        "(rows^(1/temperature))");
  visit("temperature", o.temperature, "of tempered sampling: 1 is proportional, large is uniform");
  visit("theta_rows", o.theta_rows,
        "rows of F in the backbone's estimates: shared with p, or unseen (by p: F for p, F for the backbone "
        "and G take a third of the rows each)");
  visit("adapters", o.adapters,
        "kept from step to step, reset (to their start every reset_every steps of all) or tied (one pair for "
        "all tasks)");
  visit("reset_every", o.reset_every, "outer steps from one reset to the next");
  visit("in_memory", o.in_memory, "pairs of adapters kept in memory, the others on disk; 0: all");
  visit("steps", o.steps, "outer steps, 0: no bound");
  visit("seconds", o.seconds, "training seconds, 0: no bound");
  visit("passes", o.passes, "forward passes over a mini-batch, a gradient counting as two, 0: no bound");
  visit("patience", o.patience,
        "stop after that many evaluations in a row without a lower loss on training rows set aside, and "
        "select the best; 0: off");
  visit("evaluate_steps", o.evaluate_steps, "outer steps from one such evaluation to the next");
  visit("lora_rank", o.lora_rank, "rank of LoRA adapters");
  visit("lora_alpha", o.lora_alpha, "LoRA scale is alpha / rank");
  visit("lora_targets", o.lora_targets, "adapted projections, separated by commas: q,k,v,o,gate,up,down");
  visit("virtual_tokens", o.virtual_tokens, "positions of prefix and prompt adapters");
  visit("train_rows", o.train_rows, "use that many training rows of each task, 0: all");
  visit("validation_rows", o.validation_rows, "score that many held-out rows of each task, 0: all");
  visit("max_tokens", o.max_tokens, "keep the last tokens of longer prompts, 0: as the task defines");
  visit("template", o.template_name, "which of the task's templates words the prompts, empty: the first");
  visit("shots", o.shots, "train on that many rows of each class, sampled by the seed, 0: all");
  visit("demonstrations", o.demonstrations, "solved training rows put before every prompt");
  visit("curve_points", o.curve_points, "learning-curve points taken during training, 0: none");
  visit("curve_rows", o.curve_rows, "held-out rows of each task in a learning-curve point, 0: all");
  visit("save_seconds", o.save_seconds,
        "training seconds from one saved state to the next, more where saving takes over 1% of them; 0: "
        "never");
  visit("save_steps", o.save_steps, "save the state every so many steps too; 0: only by time");
  visit("seed", o.seed, "seed of directions, batches, splits, tasks and adapters");
  visit("device", o.device, "auto (a GPU if there is one), cpu or cuda");
  visit("precision", o.precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32");
  visit("recompute", o.recompute,
        "recompute activations for the adapters' gradients instead of keeping them: less memory, more time");
  visit("deterministic", o.deterministic,
        "the same bits in every run on the same GPU, at some cost in speed");
}

}  // namespace zofo::llm

#include "zofo/config/run_options_check.hpp"
