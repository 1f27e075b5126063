/// @file Labelled rows packed into one batch, and the loss of choosing the right option or writing it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/task_definition.hpp"
#include "zofo/model/batch.hpp"

namespace zofo::llm {

/// Token ids of a text.
using Tokens = std::vector<std::int32_t>;

/// What may follow a prompt, as token ids, and what its log-probabilities come to.
struct OptionTokens {
  std::vector<Tokens> options;        ///< the tokens that are scored
  std::vector<Tokens> contexts = {};  ///< read between the prompt and each option; none: the prompt is all
  data::Score score = data::Score::sum;
  data::Loss loss = data::Loss::options;
  std::vector<double> offsets = {};  ///< taken off the scores (calibration); none: 0

  /// Throws Error unless there are two options or more (one, if the loss is the answer's alone) and each has
  /// a token, with as many contexts and offsets or none.
  void check() const {
    const std::size_t least = loss == data::Loss::answer ? 1 : 2;
    require(options.size() >= least, "options: {} given: a task needs at least {}", options.size(), least);
    for (std::size_t i = 0; i < options.size(); ++i)
      require(!options[i].empty(), "options[{}]: has zero tokens: must have at least 1", i);
    require(contexts.empty() || contexts.size() == options.size(), "contexts: {} for {} options",
            contexts.size(), options.size());
    require(offsets.empty() || offsets.size() == options.size(), "offsets: {} for {} options", offsets.size(),
            options.size());
  }
  /// True if every option is one token after the prompt: then a row is one sequence, read at its last
  /// position.
  [[nodiscard]] bool single() const {
    return contexts.empty() && std::ranges::all_of(options, [](const Tokens& o) { return o.size() == 1; });
  }
  /// Log-probabilities asked for by one row: the tokens of all options together.
  [[nodiscard]] std::size_t targets() const {
    std::size_t sum = 0;
    for (const Tokens& option : options) sum += option.size();
    return sum;
  }
  /// Tokens that option i adds to the prompt: the last one is predicted, never read.
  [[nodiscard]] std::size_t added(std::size_t i) const {
    return options[i].size() - 1 + (contexts.empty() ? 0 : contexts[i].size());
  }
  /// The most that an option adds.
  [[nodiscard]] std::size_t longest() const {
    std::size_t most = 0;
    for (std::size_t i = 0; i < options.size(); ++i) most = std::max(most, added(i));
    return most;
  }
};

/// A labelled row: the ids of its prompt, the index of the right option, and what may follow: one object for
/// all rows whose options are the task's own.
struct EncodedRow {
  Tokens prompt;
  int label = 0;
  std::shared_ptr<const OptionTokens> options = nullptr;
  const data::Example* example = nullptr;  ///< borrowed: the row as text, for metrics that compare texts
};

/// Packs a prompt and its options; the targets are appended option by option. Single tokens after the prompt:
/// one sequence with every option at its last position; else one sequence an option.
inline void pack_row(model::Batch& batch, const Tokens& prompt, const OptionTokens& options, int adapter) {
  if (options.single()) {
    require(!prompt.empty(), "prompt: has zero tokens: must have at least 1");
    const auto last = static_cast<std::uint32_t>(prompt.size() - 1);
    const std::uint32_t sequence = batch.add(prompt, adapter);
    for (const Tokens& option : options.options) batch.targets.push_back({sequence, last, option.front()});
    return;
  }
  for (std::size_t i = 0; i < options.options.size(); ++i) {
    const Tokens& option = options.options[i];
    Tokens text = prompt;
    if (!options.contexts.empty())
      text.insert(text.end(), options.contexts[i].begin(), options.contexts[i].end());
    require(!text.empty(), "prompt: has zero tokens: must have at least 1");
    const auto last = static_cast<std::uint32_t>(text.size() - 1);
    text.insert(text.end(), option.begin(), option.end() - 1);
    const std::uint32_t sequence = batch.add(text, adapter);
    for (std::uint32_t j = 0; j < option.size(); ++j)
      batch.targets.push_back({sequence, last + j, option[j]});
  }
}
/// Packs one row.
inline void pack_row(model::Batch& batch, const EncodedRow& row, int adapter) {
  pack_row(batch, row.prompt, *row.options, adapter);
}

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
  if (options.loss == data::Loss::options) return choice_loss(scores, label, slope);
  for (std::size_t i = 0; i < slope.size(); ++i) slope[i] = static_cast<int>(i) == label ? -1.0 : 0.0;
  return -scores[static_cast<std::size_t>(label)];
}

/// Loss of one row; `slope`, if not empty, gains weight × the gradient in each of its log-probabilities.
inline double row_loss(std::span<const double> logprobs, const OptionTokens& options, int label,
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
inline std::size_t targets_of(std::span<const EncodedRow* const> rows) {
  std::size_t sum = 0;
  for (const EncodedRow* row : rows) sum += row->options->targets();
  return sum;
}

/// Mean loss of rows packed one after the other. `logprobs` holds targets_of(rows) numbers; `slope`, if not
/// empty, has the same length and gains weight × the gradient of that mean.
inline double mean_loss(std::span<const double> logprobs, std::span<const EncodedRow* const> rows,
                        double weight = 1.0, std::span<double> slope = {}) {
  const auto count = static_cast<double>(rows.size());
  double sum = 0.0;
  std::size_t at = 0;
  for (const EncodedRow* row : rows) {
    const std::size_t length = row->options->targets();
    sum += row_loss(logprobs.subspan(at, length), *row->options, row->label, weight / count,
                    slope.empty() ? slope : slope.subspan(at, length));
    at += length;
  }
  return sum / count;
}

}  // namespace zofo::llm
