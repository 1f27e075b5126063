/// @file The loss of choosing the right option of an example or of writing it, from log-probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/data/task_definition.hpp"
#include "zofo/lm/encoded_example.hpp"

namespace zofo::llm {

/// Score of each option of one row: sum or mean of its tokens' log-probabilities, less its offset. `logprobs`
/// holds `options.targets()` numbers.
inline std::vector<double> option_scores(std::span<const double> logprobs, const OptionTokens& options) {
  std::vector<double> scores;
  scores.reserve(options.options.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < options.options.size(); ++i) {
    const std::size_t length = options.options[i].size();
    double sum = 0.0;
    for (std::size_t j = 0; j < length; ++j) sum += logprobs[at++];
    if (options.score == data::Score::mean) sum /= static_cast<double>(length);
    scores.push_back(options.offsets.empty() ? sum : sum - options.offsets[i]);
  }
  return scores;
}

/// −log softmax(scores)[label]; `slope`, if given one entry an option, receives its gradient in the scores.
inline double choice_loss(std::span<const double> scores, int label, std::span<double> slope = {}) {
  const double top = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (double score : scores) sum += std::exp(score - top);
  const double log_sum = top + std::log(sum);
  for (std::size_t i = 0; i < slope.size(); ++i)
    slope[i] = std::exp(scores[i] - log_sum) - (static_cast<int>(i) == label ? 1.0 : 0.0);
  return log_sum - scores[static_cast<std::size_t>(label)];
}

/// The loss that `options` ask for: choice_loss, or minus the right option's score.
inline double score_loss(const OptionTokens& options, std::span<const double> scores, int label,
                         std::span<double> slope = {}) {
  if (options.loss == data::Loss::choices) return choice_loss(scores, label, slope);
  for (std::size_t i = 0; i < slope.size(); ++i) slope[i] = static_cast<int>(i) == label ? -1.0 : 0.0;
  return -scores[static_cast<std::size_t>(label)];
}

/// Loss of one row; `slope`, if not empty, gains weight × the gradient in each of its log-probabilities.
inline double example_loss(std::span<const double> logprobs, const OptionTokens& options, int label,
                       double weight = 1.0, std::span<double> slope = {}) {
  const std::vector<double> scores = option_scores(logprobs, options);
  std::vector<double> by_option(slope.empty() ? 0 : scores.size());
  const double loss = score_loss(options, scores, label, by_option);
  std::size_t at = 0;
  for (std::size_t i = 0; i < by_option.size(); ++i) {
    const std::size_t length = options.options[i].size();
    const double share = options.score == data::Score::mean ? 1.0 / static_cast<double>(length) : 1.0;
    for (std::size_t j = 0; j < length; ++j) slope[at++] += weight * share * by_option[i];
  }
  return loss;
}

/// Log-probabilities that rows packed one after the other ask for.
inline std::size_t targets_of(std::span<const EncodedExample* const> rows) {
  std::size_t sum = 0;
  for (const EncodedExample* row : rows) sum += row->options->targets();
  return sum;
}

/// Mean loss of rows packed one after the other. `logprobs` holds targets_of(rows) numbers; `slope`, if not
/// empty, has the same length and gains weight × the gradient of that mean.
inline double mean_loss(std::span<const double> logprobs, std::span<const EncodedExample* const> rows,
                        double weight = 1.0, std::span<double> slope = {}) {
  const auto count = static_cast<double>(rows.size());
  double sum = 0.0;
  std::size_t at = 0;
  for (const EncodedExample* row : rows) {
    const std::size_t length = row->options->targets();
    sum += example_loss(logprobs.subspan(at, length), *row->options, row->label, weight / count,
                    slope.empty() ? slope : slope.subspan(at, length));
    at += length;
  }
  return sum / count;
}

}  // namespace zofo::llm
