/// @file Bounds of everything that a run computes, and the plan of the memory that follows from them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/model/config.hpp"
#include "zofo/model/forward.hpp"
#include "zofo/model/pass_plan.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/tensor/memory_plan.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// What a device must have memory for.
struct RunBounds {
  ExampleBounds example;  ///< of every example, virtual tokens included
  PassExamples passes;    ///< in units of `example`
};

/// The bounds of a run of these options on these tasks, whose adapters have this layout.
template <class Backend>
RunBounds run_bounds(const model::Config& config, const RunOptions& o, const std::vector<RunTask>& tasks,
                     const peft::Adapter& layout) {
  const ExampleBounds example = bounds_of(tasks, layout);
  RunBounds bounds{example, pass_examples(o, tasks, example, Backend::max_batch_tokens)};
  SequenceBounds& generation = bounds.passes.generation;
  for (const RunTask& task : tasks) {
    const SequenceBounds own =
        generation_bounds<Backend>(config, peft::virtual_tokens(layout), task.held_out, task.task());
    generation.cache = {std::max(generation.cache.sequences, own.cache.sequences),
                        std::max(generation.cache.positions, own.cache.positions)};
    generation.prompt_tokens = std::max(generation.prompt_tokens, own.prompt_tokens);
  }
  return bounds;
}

/// Adds to a plan of a backend (model/pass_plan.hpp) what passes within the bounds allocate, where the
/// backend scores at most `max_batch_tokens` tokens in a pass. `recompute`: gradient checkpointing.
template <class Plan>
void add_passes(Plan& plan, const ExampleBounds& example, const PassExamples& passes, bool recompute,
                std::size_t max_batch_tokens) {
  const auto bounds = [&](std::size_t count) {
    model::PassBounds e;
    e.tokens = count * example.tokens;
    e.sequences = count * example.sequences;
    e.longest = example.longest;
    e.targets = count * example.targets;
    e.head_rows = e.targets;
    return e;
  };
  plan.pass(bounds(max_batch_tokens / std::max<std::size_t>(example.tokens, 1) + 1));
  if (passes.probed > 0) {
    model::PassBounds probed = bounds(passes.probed);
    probed.perturbed = true;
    probed.probes = passes.probes;
    probed.low_rank = passes.low_rank;
    plan.pass(probed);
  }
  if (passes.gradient > 0) {
    model::PassBounds gradient = bounds(passes.gradient);
    gradient.saves_activations = true;
    gradient.recompute = recompute;
    plan.pass(gradient);
    plan.vectors(passes.vectors);
  }
  if (passes.generation.cache.sequences > 0)
    plan.cache(passes.generation.cache, passes.generation.prompt_tokens);
}

/// The memory of a run on the CPU. Not included: the program itself, the BLAS's workspaces, the tokenizer and
/// the examples.
tensor::MemoryPlan cpu_run_plan(const model::Config& config, const RunOptions& o,
                                const std::vector<RunTask>& tasks);

}  // namespace zofo::llm
