/// @file Labelled rows packed into one batch, and the loss of choosing the right option word.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/batch.hpp"

namespace zofo::tune {

/// Token ids of a text.
using Tokens = std::vector<std::int32_t>;

/// A labelled row: the ids of its prompt and the index of the right option.
struct EncodedRow {
  Tokens prompt;
  int label = 0;
};

/// The option words of a task as token ids.
struct OptionTokens {
  std::vector<Tokens> options;

  /// Throws Error unless there are two options or more and each has a token.
  void check() const {
    require(options.size() >= 2, "options: {} given: a task needs at least 2", options.size());
    for (std::size_t i = 0; i < options.size(); ++i)
      require(!options[i].empty(), "options[{}]: has zero tokens: must have at least 1", i);
  }
  /// True if every option is one token: then a row is one sequence, read at its last position.
  [[nodiscard]] bool single() const {
    return std::ranges::all_of(options, [](const Tokens& option) { return option.size() == 1; });
  }
  /// Log-probabilities asked for by one row: the tokens of all options together.
  [[nodiscard]] std::size_t targets() const {
    std::size_t sum = 0;
    for (const Tokens& option : options) sum += option.size();
    return sum;
  }
};

/// Packs one row for `options` and returns nothing; its targets are appended option by option.
/// All single tokens: one sequence with every option at its last position; else one sequence an option.
inline void pack_row(model::Batch& batch, const Tokens& prompt, const OptionTokens& options, int adapter) {
  require(!prompt.empty(), "prompt: has zero tokens: must have at least 1");
  const auto last = static_cast<std::uint32_t>(prompt.size() - 1);
  if (options.single()) {
    const std::uint32_t sequence = batch.add(prompt, adapter);
    for (const Tokens& option : options.options) batch.targets.push_back({sequence, last, option.front()});
    return;
  }
  for (const Tokens& option : options.options) {
    Tokens text = prompt;
    text.insert(text.end(), option.begin(), option.end() - 1);  // the last token is predicted, never read
    const std::uint32_t sequence = batch.add(text, adapter);
    for (std::uint32_t j = 0; j < option.size(); ++j)
      batch.targets.push_back({sequence, last + j, option[j]});
  }
}

/// Summed log-probability of each option of one row. `logprobs` holds `options.targets()` numbers.
inline std::vector<double> option_scores(std::span<const double> logprobs, const OptionTokens& options) {
  std::vector<double> scores;
  scores.reserve(options.options.size());
  std::size_t at = 0;
  for (const Tokens& option : options.options) {
    double sum = 0.0;
    for (std::size_t j = 0; j < option.size(); ++j) sum += logprobs[at++];
    scores.push_back(sum);
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

/// Mean choice loss of rows packed one after the other. `logprobs` holds labels.size() × options.targets()
/// numbers; `slope`, if not empty, has the same length and gains weight × the gradient of that mean.
inline double mean_choice_loss(std::span<const double> logprobs, std::span<const int> labels,
                               const OptionTokens& options, double weight = 1.0,
                               std::span<double> slope = {}) {
  const std::size_t stride = options.targets();
  const auto rows = static_cast<double>(labels.size());
  std::vector<double> by_option(slope.empty() ? 0 : options.options.size());
  double sum = 0.0;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::vector<double> scores = option_scores(logprobs.subspan(row * stride, stride), options);
    sum += choice_loss(scores, labels[row], by_option);
    if (slope.empty()) continue;
    std::size_t at = row * stride;
    for (std::size_t i = 0; i < options.options.size(); ++i)
      for (std::size_t j = 0; j < options.options[i].size(); ++j) slope[at++] += weight * by_option[i] / rows;
  }
  return sum / rows;
}

}  // namespace zofo::tune
