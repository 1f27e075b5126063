/// @file Examples scored as their task defines: by their answer choices and by generated answers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "zofo/data/task_definition.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/generate.hpp"
#include "zofo/lm/sequence_bounds.hpp"

namespace zofo::llm {

/// The memory that generating the answers of the examples needs; zero for a task without generated answers.
/// `reserved`: positions of the context for an adapter's virtual tokens.
template <class Backend>
SequenceBounds generation_bounds(const model::Config& config, std::size_t reserved,
                                 std::span<const EncodedExample> examples, const data::Task& task) {
  if (task.kind != data::Kind::generate) return {};
  const std::vector<Tokens> prompts = prompts_of(examples);
  const std::size_t positions = sequence_positions(config, prompts, task.max_new_tokens, reserved);
  return {cache_capacity<Backend>(DecoderOptions{}, config, prompts.size(), positions),
          prefill_tokens<Backend>(prompts)};
}

/// Scores of (θ, adapter) on examples of a task, including those of the generated answers if the task has
/// such. A null adapter means only the backbone. Throws Error if there are no examples.
template <class Backend>
Scores evaluate_task(const Model& model, model::BasicTransformer<Backend>& transformer,
                     const typename Backend::Theta& theta, const typename Backend::Vector* adapter,
                     std::span<const EncodedExample> examples, const data::Task& task) {
  Scores scores = evaluate(transformer, theta, adapter, examples, task.answer_rule);
  if (task.kind != data::Kind::generate) return scores;
  const Generator greedy = [&](std::span<const Tokens> prompts, const EndOfText& end) {
    return cached_greedy_sequences(model, transformer, theta, adapter, prompts, end);
  };
  scores.answers = evaluate_generated(greedy, examples, task);
  return scores;
}

}  // namespace zofo::llm
