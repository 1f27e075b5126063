/// @file Figures of merit of a model on labelled rows.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "zofo/data/answer_metrics.hpp"
#include "zofo/data/metrics.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/pack_examples.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model/transformer.hpp"

namespace zofo::llm {

/// Figures of merit on a set of rows and what they took. The first two and the balanced accuracy are NaN
/// where nothing is chosen.
struct Scores {
  double accuracy = 0.0;
  double macro_f1 = 0.0;
  double loss = 0.0;  ///< mean loss, natural logarithm
  std::size_t rows = 0;
  double seconds = 0.0;
  std::size_t tokens = 0;
  double balanced_accuracy = 0.0;
  std::optional<data::AnswerScore> answers = {};  ///< means, where the rows list accepted answers
};

/// The figure that a task is judged by; NaN where the rows have no such figure.
inline double figure(const Scores& scores, data::Metric metric) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  switch (metric) {
    case data::Metric::accuracy:
      return scores.accuracy;
    case data::Metric::macro_f1:
      return scores.macro_f1;
    case data::Metric::balanced_accuracy:
      return scores.balanced_accuracy;
    case data::Metric::exact_match:
      return scores.answers ? scores.answers->exact_match : none;
    case data::Metric::f1:
      return scores.answers ? scores.answers->f1 : none;
  }
  return none;
}

/// Log-probabilities asked for by `batch` under one adapter, or under none if it is null.
template <class Backend>
std::vector<double> log_probabilities(model::BasicTransformer<Backend>& transformer,
                                      const typename Backend::Theta& theta,
                                      const typename Backend::Vector* adapter, const model::Batch& batch) {
  if (adapter == nullptr) return transformer.log_probabilities(theta, batch, {});
  const typename Backend::Vector* const adapters[] = {adapter};
  return transformer.log_probabilities(theta, batch, adapters);
}

/// Scores of every option of `rows`, as many rows at a time as fill the backend's processor; a null adapter
/// means θ alone. `tokens`, if given, gains the tokens read.
template <class Backend>
std::vector<std::vector<double>> score_examples(model::BasicTransformer<Backend>& transformer,
                                            const typename Backend::Theta& theta,
                                            const typename Backend::Vector* adapter,
                                            std::span<const EncodedExample> rows,
                                            std::size_t* tokens = nullptr) {
  std::vector<std::vector<double>> scores;
  scores.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size();) {
    model::Batch batch;
    std::size_t end = row;
    while (end < rows.size() && batch.tokens.size() < Backend::max_batch_tokens)
      pack_example(batch, rows[end++], adapter == nullptr ? -1 : 0);
    const std::vector<double> logprobs = log_probabilities(transformer, theta, adapter, batch);
    if (tokens != nullptr) *tokens += batch.tokens.size();
    for (std::size_t at = 0; row < end; ++row) {
      const std::size_t length = rows[row].options->targets();
      scores.push_back(option_scores(std::span(logprobs).subspan(at, length), *rows[row].options));
      at += length;
    }
  }
  return scores;
}

namespace detail {

/// Where several candidates are right, any of them counts as the label.
inline int matched_label(const EncodedExample& row, int prediction) {
  if (row.example == nullptr) return row.label;
  return std::ranges::find(row.example->right, prediction) != row.example->right.end() ? prediction
                                                                                       : row.label;
}

/// The mean score of the chosen candidates' texts, where rows have references and candidates.
inline std::optional<data::AnswerScore> chosen_answers(std::span<const EncodedExample> rows,
                                                       std::span<const int> predictions,
                                                       data::AnswerRule rule) {
  data::AnswerScore sum;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const data::Example* example = rows[i].example;
    if (example == nullptr || example->references.empty() || example->answers.empty()) return {};
    const std::string& chosen = example->answers[static_cast<std::size_t>(predictions[i])];
    const data::AnswerScore score = data::answer_score(rule, chosen, example->references);
    sum.exact_match += score.exact_match;
    sum.f1 += score.f1;
  }
  const auto count = static_cast<double>(rows.size());
  return data::AnswerScore{sum.exact_match / count, sum.f1 / count};
}

}  // namespace detail

/// Figures of (θ, adapter) on `rows`; a null adapter means θ alone. Rows of one option, their answer, have a
/// loss alone: it chooses nothing. Throws Error if there are no rows.
template <class Backend>
Scores evaluate(model::BasicTransformer<Backend>& transformer, const typename Backend::Theta& theta,
                const typename Backend::Vector* adapter, std::span<const EncodedExample> rows,
                data::AnswerRule rule = data::AnswerRule::squad) {
  require(!rows.empty(), "rows to evaluate: 0: must be at least 1");
  const auto start = std::chrono::steady_clock::now();
  Scores scores;
  std::vector<int> labels, predictions;
  std::vector<double> losses;
  std::size_t classes = 1;
  const auto by_row = score_examples(transformer, theta, adapter, rows, &scores.tokens);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    predictions.push_back(static_cast<int>(std::ranges::max_element(by_row[i]) - by_row[i].begin()));
    labels.push_back(detail::matched_label(rows[i], predictions.back()));
    losses.push_back(score_loss(*rows[i].options, by_row[i], rows[i].label));
    classes = std::max(classes, by_row[i].size());
  }
  scores.rows = rows.size();
  if (classes == 1) {
    scores.accuracy = scores.macro_f1 = scores.balanced_accuracy = std::numeric_limits<double>::quiet_NaN();
  } else {
    scores.accuracy = data::accuracy(labels, predictions);
    scores.macro_f1 = data::macro_f1(labels, predictions, static_cast<int>(classes));
    scores.balanced_accuracy = data::balanced_accuracy(labels, predictions, static_cast<int>(classes));
  }
  scores.answers = detail::chosen_answers(rows, predictions, rule);
  scores.loss = data::mean_loss(losses);
  scores.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return scores;
}

}  // namespace zofo::llm
