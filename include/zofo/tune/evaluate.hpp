/// @file Accuracy, macro-F1 and loss of a model on labelled rows.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/data/metrics.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/tune/examples_batch.hpp"

namespace zofo::tune {

/// Figures of merit on a set of rows and what they took.
struct Scores {
  double accuracy = 0.0;
  double macro_f1 = 0.0;
  double loss = 0.0;  ///< mean choice loss, natural logarithm
  std::size_t rows = 0;
  double seconds = 0.0;
  std::size_t tokens = 0;
};

/// Log-probabilities asked for by `batch` under one adapter, or under none if it is null.
template <class Backend>
std::vector<double> log_probabilities(model::BasicTransformer<Backend>& transformer,
                                      const typename Backend::Theta& theta,
                                      const typename Backend::Vector* adapter, const model::Batch& batch) {
  if (adapter == nullptr) return transformer.log_probabilities(theta, batch, {});
  const typename Backend::Vector* const adapters[] = {adapter};
  return transformer.log_probabilities(theta, batch, adapters);
}

/// Scores (θ, adapter) on `rows`, as many at a time as fill the backend's processor; a null adapter means θ
/// alone. Throws Error if there are no rows.
template <class Backend>
Scores evaluate(model::BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
                const typename Backend::Vector* adapter, std::span<const EncodedRow> rows,
                const OptionTokens& options) {
  require(!rows.empty(), "rows to evaluate: 0: must be at least 1");
  const auto start = std::chrono::steady_clock::now();
  Scores scores;
  std::vector<int> labels;
  std::vector<int> predictions;
  std::vector<double> losses;
  for (std::size_t row = 0; row < rows.size();) {
    model::Batch batch;
    std::size_t end = row;
    while (end < rows.size() && batch.tokens.size() < Backend::tokens_that_fill)
      pack_row(batch, rows[end++].prompt, options, adapter == nullptr ? -1 : 0);
    const std::vector<double> logprobs = log_probabilities(transformer, theta, adapter, batch);
    scores.tokens += batch.tokens.size();
    for (std::size_t at = 0; row < end; ++row, at += options.targets()) {
      const std::vector<double> sums =
          option_scores(std::span(logprobs).subspan(at, options.targets()), options);
      labels.push_back(rows[row].label);
      predictions.push_back(static_cast<int>(std::ranges::max_element(sums) - sums.begin()));
      losses.push_back(choice_loss(sums, rows[row].label));
    }
  }
  scores.rows = rows.size();
  scores.accuracy = data::accuracy(labels, predictions);
  scores.macro_f1 = data::macro_f1(labels, predictions, static_cast<int>(options.options.size()));
  scores.loss = data::mean_loss(losses);
  scores.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return scores;
}

}  // namespace zofo::tune
