/// @file Rows scored as their task asks: by what may follow their prompts, and by what the model writes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "zofo/data/task_definition.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/generate.hpp"
#include "zofo/lm/sequence_bounds.hpp"

namespace zofo::llm {

/// What the texts of rows are written with, where the model writes the task's answers; nothing elsewhere.
/// `taken`: positions that an adapter takes of each text's context.
template <class Backend>
SequenceBounds generation_bounds(const model::Config& config, std::size_t taken,
                              std::span<const EncodedExample> rows, const data::Task& task) {
  if (task.kind != data::Kind::generate) return {};
  const std::vector<Tokens> prompts = prompts_of(rows);
  const std::size_t positions = sequence_positions(config, prompts, task.max_new_tokens, taken);
  return {GreedyOptions{}.capacity<Backend>(config, prompts.size(), positions),
          prefill_tokens<Backend>(prompts)};
}

/// Scores of (θ, adapter) on rows of a task, among them those of the texts that it writes where the task's
/// answers are written; a null adapter means θ alone. Throws Error if there are no rows.
template <class Backend>
Scores evaluate_task(const Model& model, model::BasicTransformer<Backend>& transformer,
                     const typename Backend::Theta& theta, const typename Backend::Vector* adapter,
                     std::span<const EncodedExample> rows, const data::Task& task) {
  Scores scores = evaluate(transformer, theta, adapter, rows, task.answer_rule);
  if (task.kind != data::Kind::generate) return scores;
  const Generator greedy = [&](std::span<const Tokens> prompts, const EndOfText& end) {
    return cached_greedy_sequences(model, transformer, theta, adapter, prompts, end);
  };
  scores.answers = evaluate_generated(greedy, rows, task);
  return scores;
}

}  // namespace zofo::llm
