/// @file The options of a training run. Checks, TOML and the command line use one list of fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "zofo/config/methods.hpp"
#include "zofo/config/option_enums.hpp"
#include "zofo/config/zeroth_order_options.hpp"

namespace zofo::llm {

/// How a run trains. The run ends at the first of the limits `max_steps`, `max_seconds`,
/// `max_forward_passes` and `epochs`; 0: no limit. The defaults here are those of `zofo finetune`;
/// config/method_presets.hpp has those of `zofo meta-train` and of each method. for_each_option() describes
/// each option.
struct RunOptions : ZerothOrderOptions {
  Command command = Command::finetune;      ///< the command of the run; not an option, so not in the list
  Method method = Method::bilevel;          ///< the training method
  AdapterKind adapter = AdapterKind::lora;  ///< the kind of adapter
  std::uint32_t inner_steps = 4;            ///< T: adapter steps in each outer step
  double penalty = 10.0;                    ///< λ: weight of G(p) − G(s)
  bool upper_every_inner_step = true;       ///< step p with every step of s; else once in each outer step
  double lower_learning_rate = 2e-3;        ///< of the lower adapter s, and of first-order methods
  double upper_learning_rate = 2e-3;        ///< of the upper adapter p
  ScheduleKind lr_scheduler_type = ScheduleKind::constant;  ///< learning rates after the warm-up
  std::uint32_t warmup_steps = 0;                 ///< outer steps in which the learning rates rise from 0
  std::uint32_t decay_steps = 0;                  ///< outer step at which the schedule ends; 0: at max_steps
  double max_grad_norm = 0.0;                     ///< limit of the norm of an adapter's gradient; 0: none
  double weight_decay = 0.0;                      ///< decoupled, of first-order adapter updates
  std::uint32_t batch_size = 8;                   ///< examples in a mini-batch
  std::uint32_t gradient_accumulation_steps = 1;  ///< mini-batches averaged in each step
  std::uint32_t tasks_per_step = 0;               ///< tasks sampled in each outer step; 0: all
  Sampling sampling = Sampling::uniform;          ///< of tasks
  double temperature = 2.0;                       ///< of tempered sampling
  ThetaRows backbone_examples = ThetaRows::shared;  ///< examples of F for the backbone
  AdapterMode adapters = AdapterMode::persistent;   ///< of the tasks
  std::uint32_t reset_interval = 20;                ///< outer steps between two resets
  std::uint32_t max_resident_adapters = 0;          ///< adapter pairs in memory; 0: all
  std::uint32_t max_steps = 0;                      ///< limit of outer steps
  double max_seconds = 0.0;                         ///< limit of training seconds
  double max_forward_passes = 0.0;                  ///< limit of forward passes
  double epochs = 0.0;                              ///< limit of passes over the training examples
  std::uint32_t early_stopping_patience = 0;  ///< evaluations without improvement before the end; 0: off
  std::uint32_t keep_checkpoints = 0;         ///< checkpoints that are kept, the best among them; 0: none
  std::uint32_t eval_steps = 50;              ///< outer steps between two evaluations
  std::uint32_t lora_rank = 8;                ///< rank of a LoRA adapter
  double lora_alpha = 16.0;                   ///< the LoRA scale is lora_alpha / lora_rank
  std::string lora_target_modules = "q_proj,v_proj";  ///< separated by commas
  std::uint32_t num_virtual_tokens = 5;               ///< of prefix and prompt adapters
  std::string start_adapter;                          ///< folder in peft's format; "": a new adapter
  std::uint32_t max_train_samples = 0;                ///< training examples of each task; 0: all
  std::uint32_t max_eval_samples = 0;                 ///< validation examples of each task; 0: all
  std::uint32_t max_prompt_tokens = 0;  ///< longer prompts keep their last tokens; 0: the task's limit
  std::uint32_t max_length = 0;         ///< rows of free text are cut to so many tokens; 0: the task's limit
  bool special = false;                 ///< prompts may contain control tokens
  std::string template_name;            ///< name of a prompt template of the task; "": its first
  std::uint32_t shots = 0;              ///< training examples of each class; 0: all
  std::uint32_t demonstrations = 0;     ///< solved examples in front of every prompt
  std::uint32_t curve_points = 6;       ///< points of the learning curve
  std::uint32_t curve_samples = 96;     ///< validation examples in a point; 0: all
  double save_seconds = 30.0;           ///< training seconds between two saved states; 0: none
  std::uint32_t save_steps = 0;         ///< outer steps between two saved states; 0: none
  bool tensorboard = true;              ///< write TensorBoard's event files
  bool csv = false;                     ///< write metrics.csv
  DeviceKind device = DeviceKind::automatic;   ///< where the run computes
  Precision precision = Precision::automatic;  ///< of the weights
  bool deterministic = false;                  ///< bit-identical repetition on the same GPU
  bool gradient_checkpointing = false;         ///< recompute activations instead of saving them

  /// What the method trains.
  [[nodiscard]] Trains trains() const { return info(method).trains; }
  /// True if zeroth-order updates change the backbone.
  [[nodiscard]] bool updates_backbone() const {
    return (trains() == Trains::both_levels && !info(method).traits.backbone_fixed) ||
           trains() == Trains::backbone;
  }
  /// True if zeroth-order estimates update the backbone or an adapter.
  [[nodiscard]] bool takes_estimates() const {
    return updates_backbone() || trains() == Trains::adapter_by_estimates;
  }
  /// True if first-order gradients update adapters.
  [[nodiscard]] bool takes_gradients() const {
    return trains() == Trains::both_levels || trains() == Trains::adapter;
  }
  /// True if the sign of each zeroth-order estimate is random.
  [[nodiscard]] bool random_sign() const { return info(method).traits.random_sign; }
  /// True if all tasks share one pair of adapters, or there are none. The solver then has one task: their
  /// mixture.
  [[nodiscard]] bool tied() const {
    return adapters == AdapterMode::shared || info(method).traits.joint || trains() == Trains::backbone ||
           trains() == Trains::adapter_by_estimates;
  }
  /// True if a meta-training ends with one adapter that is merged into the weights.
  [[nodiscard]] bool merged() const { return command == Command::meta_train && method == Method::joint_lora; }
  /// True if the run ends with adapters of its tasks, or with one that they share, for adaptation.
  [[nodiscard]] bool adapted() const { return takes_gradients() && !merged(); }
  /// True if held-out examples are scored before the first step. The log then has events "before" and
  /// "after".
  [[nodiscard]] bool scores_before() const { return command == Command::meta_train; }
  /// True if candidates are evaluated during training, and the best is selected.
  [[nodiscard]] bool validates() const { return early_stopping_patience > 0 || keep_checkpoints > 0; }
  /// True if some training examples are reserved for validation: they decide whether p or s is selected, and
  /// when to stop early.
  [[nodiscard]] bool splits_validation() const {
    return validates() || (command == Command::finetune && trains() == Trains::both_levels);
  }

  /// True if the run has a limit other than early stopping.
  [[nodiscard]] bool has_budget() const {
    // Not "> 0", so that a negative number is a value that check() refuses, not an absent limit.
    return max_steps != 0 || max_seconds != 0.0 || max_forward_passes != 0.0 || epochs != 0.0;
  }

  /// Throws Error naming the first field that is out of range, its value and what is allowed.
  void check() const;
  /// check() for a run of `tasks` tasks.
  void check(std::size_t tasks) const;
};

/// The limit of a run whose options have none.
inline constexpr double default_epochs = 3.0;

/// The options, with default_epochs if they have no limit and the method trains.
RunOptions with_default_budget(RunOptions options);

/// Calls visit(name, pointer to the member of RunOptions, help) for every option, in the order of the TOML
/// file. The command line replaces '_' by '-'.
template <class Visit>
void for_each_option_member(Visit&& visit) {
  visit("method", &RunOptions::method,
        "training method (zofo methods lists them); it sets the defaults of the other options");
  visit("adapter", &RunOptions::adapter,
        "adapter type: lora, prefix or prompt; selects the variant of the method that uses it");
  visit("inner_steps", &RunOptions::inner_steps,
        "T: adapter steps in each outer step; more: better adapters, slower outer steps");
  visit("penalty", &RunOptions::penalty,
        "lambda: weight of G(p) - G(s); larger: the upper adapter follows the lower loss more closely");
  visit("upper_every_inner_step", &RunOptions::upper_every_inner_step,
        "step p with every step of s; off: once in each outer step, which is faster");
  for_each_zeroth_order_member(visit);
  visit(
      "lower_learning_rate", &RunOptions::lower_learning_rate,
      "learning rate of the lower adapter s (Adam), and of first-order methods; the method's preset has one "
      "for each kind of adapter; lower it if the loss jumps");
  visit("upper_learning_rate", &RunOptions::upper_learning_rate,
        "learning rate of the upper adapter p (Adam); lower it if the loss jumps");
  visit("lr_scheduler_type", &RunOptions::lr_scheduler_type,
        "learning rates after the warm-up: constant, linear or cosine (both fall to 0); for long runs");
  visit("warmup_steps", &RunOptions::warmup_steps,
        "outer steps in which the learning rates rise from 0; raise it if the first steps diverge");
  visit("decay_steps", &RunOptions::decay_steps,
        "outer step at which the schedule ends; 0: at max_steps; set it for runs bounded by time");
  visit("max_grad_norm", &RunOptions::max_grad_norm,
        "norm to which an adapter's gradient is clipped; 0: no limit; set it against loss spikes");
  visit("weight_decay", &RunOptions::weight_decay,
        "decoupled weight decay of first-order adapter updates (AdamW); raise it against overfitting");
  visit("batch_size", &RunOptions::batch_size,
        "examples per mini-batch; larger: less noise, more time and memory");
  visit("gradient_accumulation_steps", &RunOptions::gradient_accumulation_steps,
        "mini-batches averaged in each step; raise it where a larger batch_size does not fit");
  visit("tasks_per_step", &RunOptions::tasks_per_step,
        "tasks in each outer step, sampled without repetition; 0: all; fewer: faster steps");
  visit("sampling", &RunOptions::sampling,
        "probability of a task: uniform, proportional (to its examples) or tempered "
        "(examples^(1/temperature))");
  visit("temperature", &RunOptions::temperature,
        "temperature of tempered sampling; 1: proportional; larger: closer to uniform");
  visit("backbone_examples", &RunOptions::backbone_examples,
        "examples of F in the backbone's estimates: shared (those of p) or unseen (another third of the "
        "examples)");
  visit("adapters", &RunOptions::adapters,
        "adapters of the tasks: persistent, reset (every reset_interval steps) or shared (one pair for all "
        "tasks)");
  visit("reset_interval", &RunOptions::reset_interval,
        "outer steps between two resets; only with adapters = reset");
  visit("max_resident_adapters", &RunOptions::max_resident_adapters,
        "adapter pairs held in memory, the others on disk; 0: all; lower it to save memory");
  visit("max_steps", &RunOptions::max_steps,
        "outer steps; 0: no limit; set it for runs that must be repeatable");
  visit("max_seconds", &RunOptions::max_seconds, "seconds of training; 0: no limit");
  visit("max_forward_passes", &RunOptions::max_forward_passes,
        "forward passes over a mini-batch, a gradient counts as two; 0: no limit; for equal budgets");
  visit("epochs", &RunOptions::epochs,
        "passes over the training examples; 0: no limit; 3 if no other limit is given");
  visit("early_stopping_patience", &RunOptions::early_stopping_patience,
        "stop after so many evaluations in a row without a lower loss on training examples that are set "
        "aside, and select the best; 0: off");
  visit("keep_checkpoints", &RunOptions::keep_checkpoints,
        "number of adapter checkpoints to keep: one is written after each evaluation, and the best and the "
        "latest stay; the best is selected; 0: none");
  visit("eval_steps", &RunOptions::eval_steps,
        "outer steps between two evaluations for early stopping or checkpoints; smaller: finer, more time");
  visit("lora_rank", &RunOptions::lora_rank, "rank of LoRA adapters; larger: more capacity, more memory");
  visit("lora_alpha", &RunOptions::lora_alpha,
        "LoRA scale is lora_alpha / lora_rank; change it together with lora_rank");
  visit("lora_target_modules", &RunOptions::lora_target_modules,
        "modules with LoRA, separated by commas: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj; "
        "short: q,v; 3.q: only of block 3; q:4:8: with rank 4 and alpha 8 of its own");
  visit("num_virtual_tokens", &RunOptions::num_virtual_tokens,
        "virtual tokens of prefix and prompt adapters; larger: more capacity, longer sequences");
  visit(
      "start_adapter", &RunOptions::start_adapter,
      "folder of an adapter in peft's format from which training starts; sets the adapter's type and sizes; "
      "empty: a new one");
  visit("max_train_samples", &RunOptions::max_train_samples,
        "training examples used of each task, balanced over the classes; 0: all; lower it for quick trials");
  visit("max_eval_samples", &RunOptions::max_eval_samples,
        "validation examples scored of each task; 0: all; lower it to score faster");
  visit("max_prompt_tokens", &RunOptions::max_prompt_tokens,
        "longer prompts keep their last tokens only; 0: as the task defines; lower it to save memory");
  visit("special", &RunOptions::special,
        "recognise control tokens, such as <|im_start|>, written in the texts; set it for prompts in a chat "
        "model's format");
  visit("max_length", &RunOptions::max_length,
        "rows of free text (kind text) are cut to so many tokens; 0: a row longer than the context is an "
        "error");
  visit("template", &RunOptions::template_name, "prompt template of the task; empty: its first");
  visit("shots", &RunOptions::shots,
        "training examples of each class, sampled by the seed; 0: all; for few-shot experiments");
  visit("demonstrations", &RunOptions::demonstrations,
        "training examples with their answers in front of every prompt; more: longer prompts");
  visit("curve_points", &RunOptions::curve_points,
        "points of the learning curve scored during training; 0: none; fewer: less time for scoring");
  visit("curve_samples", &RunOptions::curve_samples,
        "validation examples of each task in a point of the curve; 0: all; more: smoother curves");
  visit("save_seconds", &RunOptions::save_seconds,
        "seconds of training between two saved states, longer where saving takes over 1% of the time; 0: "
        "never");
  visit("save_steps", &RunOptions::save_steps, "also save the state after so many steps; 0: by time only");
  visit("tensorboard", &RunOptions::tensorboard,
        "write the run's numbers as TensorBoard's event files into its folder, too; off: only metrics.jsonl");
  visit("csv", &RunOptions::csv, "write metrics.csv, too: metrics.jsonl as a table");
  visit("seed", &RunOptions::seed,
        "seed of directions, batches, splits, tasks and adapters; change it to repeat a run with other "
        "samples");
  visit("device", &RunOptions::device, "auto (a GPU if there is one), cpu or cuda");
  visit("precision", &RunOptions::precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32");
  visit("gradient_checkpointing", &RunOptions::gradient_checkpointing,
        "recompute activations for the adapters' gradients instead of saving them; less memory, more time");
  visit("deterministic", &RunOptions::deterministic,
        "bit-identical results of repeated runs on the same GPU; somewhat slower");
}

/// Calls visit(name, field, help) for every option of `o`.
template <class AnyOptions, class Visit>
  requires std::is_same_v<std::remove_const_t<AnyOptions>, RunOptions>
void for_each_option(AnyOptions& o, Visit&& visit) {
  for_each_option_member(
      [&](const char* name, auto member, const char* help) { visit(name, o.*member, help); });
}

}  // namespace zofo::llm
