/// @file Evaluation of a model on labelled examples.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/pack_examples.hpp"
#include "zofo/lm/scores.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::llm {

/// Log-probabilities of the targets of `batch` under one adapter; a null adapter means only the backbone.
template <class Backend>
std::vector<double> log_probabilities(model::BasicTransformer<Backend>& transformer,
                                      const typename Backend::Theta& theta,
                                      const typename Backend::Vector* adapter, const model::Batch& batch) {
  if (adapter == nullptr) return transformer.log_probabilities(theta, batch, {});
  const typename Backend::Vector* const adapters[] = {adapter};
  return transformer.log_probabilities(theta, batch, adapters);
}

/// Scores of every answer choice of the examples, in passes of about Backend::max_batch_tokens tokens. A null
/// adapter means only the backbone. If `tokens` is given, the number of tokens read is added to it.
template <class Backend>
std::vector<std::vector<double>> score_examples(model::BasicTransformer<Backend>& transformer,
                                                const typename Backend::Theta& theta,
                                                const typename Backend::Vector* adapter,
                                                std::span<const EncodedExample> examples,
                                                std::size_t* tokens = nullptr) {
  std::vector<std::vector<double>> scores;
  scores.reserve(examples.size());
  for (std::size_t next = 0; next < examples.size();) {
    model::Batch batch;
    std::size_t end = next;
    while (end < examples.size() && batch.tokens.size() < Backend::max_batch_tokens)
      pack_example(batch, examples[end++], adapter == nullptr ? -1 : 0);
    const std::vector<double> logprobs = log_probabilities(transformer, theta, adapter, batch);
    if (tokens != nullptr) *tokens += batch.tokens.size();
    for (std::size_t at = 0; next < end; ++next) {
      const OptionTokens& options = *examples[next].options;
      const std::size_t length = options.targets();
      scores.push_back(option_scores(std::span(logprobs).subspan(at, length), options));
      at += length;
    }
  }
  return scores;
}

/// The label of an example for metrics: where several candidates are right, the prediction if it is one of
/// them.
int matched_label(const EncodedExample& example, int prediction);

/// Metrics of predictions by the highest score; `scores` has the scores of each example's choices. Leaves
/// seconds and tokens 0. Examples of one choice each have only a loss: there is nothing to choose. Throws
/// Error if there are no examples.
Scores scores_of(std::span<const EncodedExample> examples, std::span<const std::vector<double>> scores,
                 data::AnswerRule rule);

/// Metrics of (θ, adapter) on examples; a null adapter means only the backbone. `rule` compares chosen
/// candidates with references. Throws Error if there are no examples.
template <class Backend>
Scores evaluate(model::BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
                const typename Backend::Vector* adapter, std::span<const EncodedExample> examples,
                data::AnswerRule rule = data::AnswerRule::squad) {
  const auto start = std::chrono::steady_clock::now();
  std::size_t tokens = 0;
  Scores scores = scores_of(examples, score_examples(transformer, theta, adapter, examples, &tokens), rule);
  scores.tokens = tokens;
  scores.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return scores;
}

}  // namespace zofo::llm
