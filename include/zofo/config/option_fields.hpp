/// @file The options of a fine-tuning run: one list of fields serves checking, TOML and the command line.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "zofo/config/zeroth_order_options.hpp"

namespace zofo::llm {

/// How a run trains. `steps`, `seconds` and `passes` all bound it; 0 leaves one of them open. The values are
/// those of Bilevel-ZOFO; config/method_presets.hpp has the other methods'.
struct Options : ZerothOrderOptions {
  std::string method = "bilevel";
  std::string adapter = "lora";
  std::uint32_t inner_steps = 4;
  double penalty = 10.0;
  bool upper_with_lower = true;
  double lower_rate = 2e-3;
  double upper_rate = 2e-3;
  std::string schedule = "constant";
  std::uint32_t warmup_steps = 0;
  std::uint32_t decay_steps = 0;
  double clip = 0.0;
  double weight_decay = 0.0;
  std::uint32_t batch = 8;
  std::uint32_t accumulate = 1;
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
  std::string template_name;  ///< of the task; "": its first
  std::uint32_t shots = 0;
  std::uint32_t demonstrations = 0;
  std::uint32_t curve_points = 6;
  std::uint32_t curve_rows = 96;
  double save_seconds = 30.0;
  std::uint32_t save_steps = 0;
  std::string device = "auto";
  std::string precision = "auto";
  bool deterministic = false;
  bool recompute = false;

  /// Throws Error naming the first field that is out of range, its value and what is allowed.
  void check() const;
};

/// Calls visit(name, field, help) for every option; the command line turns '_' into '-'.
template <class AnyOptions, class Visit>
requires std::is_same_v<std::remove_const_t<AnyOptions>, Options>
void for_each_option(AnyOptions& o, Visit&& visit) {
  visit("method", o.method, "bilevel, lora, mezo, ...: zofo methods lists them; it sets the options below");
  visit("adapter", o.adapter,
        "lora, prefix or prompt: the method's sibling with that adapter; none: the backbone alone");
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
  visit("batch", o.batch, "rows of a mini-batch");
  visit("accumulate", o.accumulate, "mini-batches averaged in a step: as one that many times as large");
  visit("steps", o.steps, "outer steps, 0: no bound");
  visit("seconds", o.seconds, "training seconds, 0: no bound");
  visit("passes", o.passes, "forward passes over a mini-batch, a gradient counting as two, 0: no bound");
  visit(
      "patience", o.patience,
      "stop after that many evaluations in a row without a lower loss on training rows set aside, and serve "
      "the best; 0: off");
  visit("evaluate_steps", o.evaluate_steps, "outer steps from one such evaluation to the next");
  visit("lora_rank", o.lora_rank, "rank of LoRA adapters");
  visit("lora_alpha", o.lora_alpha, "LoRA scale is alpha / rank");
  visit("lora_targets", o.lora_targets, "adapted projections, separated by commas: q,k,v,o,gate,up,down");
  visit("virtual_tokens", o.virtual_tokens, "positions of prefix and prompt adapters");
  visit("train_rows", o.train_rows, "use that many training rows, 0: all");
  visit("validation_rows", o.validation_rows, "score that many held-out rows, 0: all");
  visit("template", o.template_name, "which of the task's templates words the prompts, empty: the first");
  visit("shots", o.shots, "train on that many rows of each class, drawn by the seed, 0: all");
  visit("demonstrations", o.demonstrations, "solved training rows put before every prompt");
  visit("curve_points", o.curve_points, "learning-curve points taken during training, 0: none");
  visit("curve_rows", o.curve_rows, "held-out rows of a learning-curve point");
  visit(
      "save_seconds", o.save_seconds,
      "training seconds from one saved state to the next, more where saving takes over 1% of them; 0: never");
  visit("save_steps", o.save_steps, "save the state every so many steps too; 0: by time alone");
  visit("seed", o.seed, "seed of directions, batches, split and adapters");
  visit("device", o.device, "auto (a GPU if there is one), cpu or cuda");
  visit("precision", o.precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32");
  visit("recompute", o.recompute,
        "recompute activations for the adapters' gradients instead of keeping them: less memory, more time");
  visit("deterministic", o.deterministic,
        "the same bits in every run on the same GPU, at some cost in speed");
}

/// "q,v" as {"q", "v"}.
inline std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace zofo::llm
