/// @file Options of meta-training: one list of fields serves checking, TOML and the command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "zofo/bilevel/options.hpp"
#include "zofo/config/options.hpp"

namespace zofo::llm {

/// How meta-training runs. `steps` and `seconds` both bound it; 0 leaves one of them open.
struct MetaTrainOptions : ZerothOrderOptions {
  std::string method = "bilevel";
  std::uint32_t inner_steps = 4;
  double penalty = 10.0;
  double lower_rate = 2e-3;
  double upper_rate = 2e-3;
  std::uint32_t batch = 8;
  std::uint32_t tasks_per_step = 0;
  std::string sampling = "uniform";
  double temperature = 2.0;
  std::string theta_rows = "shared";
  std::string adapters = "kept";
  std::uint32_t reset_every = 20;
  std::uint32_t in_memory = 0;
  std::uint32_t steps = 0;
  double seconds = 0.0;
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_targets = "q,v";
  std::uint32_t train_rows = 0;
  std::uint32_t validation_rows = 64;
  std::uint32_t max_tokens = 0;
  std::uint32_t curve_points = 0;
  double save_seconds = 30.0;
  std::uint32_t save_steps = 0;
  std::string device = "auto";
  std::string precision = "auto";
  bool deterministic = false;
  bool recompute = false;

  /// All tasks share one pair of adapters, or use none.
  [[nodiscard]] bool tied() const {
    return adapters == "tied" || method == "joint-lora" || method == "joint-mezo";
  }
  /// Every task has a pair of adapters, or all share one.
  [[nodiscard]] bool adapted() const {
    return method == "bilevel" || method == "frozen" || method == "drift";
  }
  /// The zeroth-order steps move the backbone.
  [[nodiscard]] bool moves_backbone() const {
    return method == "bilevel" || method == "drift" || method == "joint-mezo";
  }
  /// Throws Error naming the first field that is out of range, its value and what is allowed.
  void check() const;
};

/// Calls visit(name, field, help) for every option; the command line turns '_' into '-'.
template <class AnyOptions, class Visit>
requires std::is_same_v<std::remove_const_t<AnyOptions>, MetaTrainOptions>
void for_each_option(AnyOptions& o, Visit&& visit) {
  visit("method", o.method,
        "bilevel; frozen (the same adapters and steps, the backbone left alone); drift (the same steps with "
        "signs drawn at random); joint-lora (one first-order adapter of all tasks, merged); joint-mezo "
        "(zeroth-order steps on the mixture, no adapters); none");
  visit("inner_steps", o.inner_steps, "T: adapter steps of an outer step");
  visit("penalty", o.penalty, "lambda: weight of G(p) - G(s)");
  for_each_zeroth_order_option(o, visit);
  visit("lower_rate", o.lower_rate, "learning rate of the lower adapters s (Adam); also of joint-lora");
  visit("upper_rate", o.upper_rate, "learning rate of the upper adapters p (Adam)");
  visit("batch", o.batch, "rows of a mini-batch of one task");
  visit("tasks_per_step", o.tasks_per_step, "tasks of an outer step, drawn without repetition; 0: all");
  visit(
      "sampling", o.sampling,
      "a task's chance to be drawn: uniform, proportional (to its rows) or tempered (rows^(1/temperature))");
  visit("temperature", o.temperature, "of tempered sampling: 1 is proportional, large is uniform");
  visit("theta_rows", o.theta_rows,
        "rows of F in the backbone's estimates: shared with p, or unseen (by p: F for p, F for the backbone "
        "and G take a third of the rows each)");
  visit("adapters", o.adapters,
        "kept from step to step, reset (to their start every reset_every steps of all) or tied (one pair for "
        "all tasks)");
  visit("reset_every", o.reset_every, "outer steps from one reset to the next");
  visit("in_memory", o.in_memory, "pairs of adapters kept in memory, the others on disk; 0: all");
  visit("steps", o.steps, "outer steps, 0: bounded by seconds alone");
  visit("seconds", o.seconds, "training seconds, 0: bounded by steps alone");
  visit("lora_rank", o.lora_rank, "rank of the adapters");
  visit("lora_alpha", o.lora_alpha, "LoRA scale is alpha / rank");
  visit("lora_targets", o.lora_targets, "adapted projections, separated by commas: q,k,v,o,gate,up,down");
  visit("train_rows", o.train_rows, "use that many training rows of each task, 0: all");
  visit("validation_rows", o.validation_rows, "score that many held-out rows of each task, 0: all");
  visit("max_tokens", o.max_tokens, "keep the last tokens of longer prompts, 0: as the task says");
  visit("curve_points", o.curve_points, "scores of the training tasks during the run, 0: at both ends alone");
  visit(
      "save_seconds", o.save_seconds,
      "training seconds from one saved state to the next, more where saving takes over 1% of them; 0: never");
  visit("save_steps", o.save_steps, "save the state every so many steps too; 0: by time alone");
  visit("seed", o.seed, "seed of directions, batches, splits, tasks and adapters");
  visit("device", o.device, "auto (a GPU if there is one), cpu or cuda");
  visit("precision", o.precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32");
  visit("recompute", o.recompute,
        "recompute activations for the adapters' gradients instead of keeping them: less memory, more time");
  visit("deterministic", o.deterministic,
        "the same bits in every run on the same GPU, at some cost in speed");
}

inline void MetaTrainOptions::check() const {
  require_one_of("method", method, {"bilevel", "frozen", "drift", "joint-lora", "joint-mezo", "none"});
  check_zeroth_order(*this);
  require_one_of("sampling", sampling, {"uniform", "proportional", "tempered"});
  require_one_of("theta_rows", theta_rows, {"shared", "unseen"});
  require_one_of("adapters", adapters, {"kept", "reset", "tied"});
  require_one_of("device", device, {"auto", "cpu", "cuda"});
  require_one_of("precision", precision, {"auto", "bf16", "fp32"});
  require(device != "cpu" || precision != "bf16",
          "precision = \"bf16\": needs a GPU: the CPU computes in fp32 alone");
  require_count("inner_steps", inner_steps, 1, 1'000'000);
  require_in("penalty", penalty, 0.0, 1e9);
  require_in("lower_rate", lower_rate, 0.0, 10.0);
  require_in("upper_rate", upper_rate, 0.0, 10.0);
  require_count("batch", batch, 1, 65536);
  require_in("temperature", temperature, 1.0, 1e6);
  require_count("reset_every", reset_every, 1, 1'000'000'000);
  if (device == "cuda" && moves_backbone()) check_zeroth_order_on_gpu(*this);
  require(in_memory == 0 || reduction == "none",
          "in_memory = {}: not with reduction = \"{}\", which keeps all adapters of its anchor: must be 0",
          in_memory, reduction);
  require(adapters == "kept" || adapted(),
          "adapters = \"{}\": method {} has no adapters of its tasks: must be kept", adapters, method);
  require(theta_rows == "shared" || adapted(),
          "theta_rows = \"{}\": method {} fits no p beside the backbone: must be shared", theta_rows, method);
  require_in("seconds", seconds, 0.0, 1e9);
  require_in("save_seconds", save_seconds, 0.0, 1e9);
  require(method == "none" || steps > 0 || seconds > 0.0,
          "steps = 0 and seconds = 0: at least one must be positive");
  require_count("lora_rank", lora_rank, 1, 1024);
  require_positive("lora_alpha", lora_alpha, 1e6);
  require(!lora_targets.empty(), "lora_targets = \"\": must name at least one projection");
  require_count("seed", seed, 0, 0xFFFFFFFF);  // the upper half of the samples' seeds tells tasks apart
}

/// The loop that a method comes to.
inline BilevelOptions loop_options(const MetaTrainOptions& o) {
  BilevelOptions loop;
  const bool with_inner_steps = o.method != "joint-lora" && o.method != "joint-mezo";
  loop.inner_steps = with_inner_steps ? o.inner_steps : 1;
  // Without a step limit time ends the run; the bound is that inner samples are numbered in 32 bits.
  loop.outer_steps = o.steps > 0 ? o.steps : 0xFFFFFFFFU / loop.inner_steps;
  loop.penalty = o.penalty;
  loop.seed = o.seed;
  if (o.method == "joint-lora") return loop.adapter_only();
  if (o.method == "joint-mezo") return loop.mezo();
  loop.move_backbone = o.moves_backbone();
  return loop;
}

}  // namespace zofo::llm
