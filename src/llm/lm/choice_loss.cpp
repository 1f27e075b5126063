#include "zofo/lm/choice_loss.hpp"

#include <algorithm>
#include <cmath>

namespace zofo::llm {

std::vector<double> option_scores(std::span<const double> logprobs, const OptionTokens& options) {
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

double choice_loss(std::span<const double> scores, int label, std::span<double> gradient) {
  const double top = *std::ranges::max_element(scores);
  double sum = 0.0;
  for (double score : scores) sum += std::exp(score - top);
  const double log_sum = top + std::log(sum);
  for (std::size_t i = 0; i < gradient.size(); ++i)
    gradient[i] = std::exp(scores[i] - log_sum) - (static_cast<int>(i) == label ? 1.0 : 0.0);
  return log_sum - scores[static_cast<std::size_t>(label)];
}

double score_loss(const OptionTokens& options, std::span<const double> scores, int label,
                  std::span<double> gradient) {
  if (options.loss == data::Loss::choices) return choice_loss(scores, label, gradient);
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = static_cast<int>(i) == label ? -1.0 : 0.0;
  return -scores[static_cast<std::size_t>(label)];
}

double example_loss(std::span<const double> logprobs, const OptionTokens& options, int label, double weight,
                    std::span<double> gradient) {
  const std::vector<double> scores = option_scores(logprobs, options);
  std::vector<double> by_score(gradient.empty() ? 0 : scores.size());
  const double loss = score_loss(options, scores, label, by_score);
  std::size_t at = 0;
  for (std::size_t i = 0; i < by_score.size(); ++i) {
    const std::size_t length = options.options[i].size();
    const double share = options.score == data::Score::mean ? 1.0 / static_cast<double>(length) : 1.0;
    for (std::size_t j = 0; j < length; ++j) gradient[at++] += weight * share * by_score[i];
  }
  return loss;
}

std::size_t targets_of(std::span<const EncodedExample* const> examples) {
  std::size_t sum = 0;
  for (const EncodedExample* example : examples) sum += example->options->targets();
  return sum;
}

double loss_units(const OptionTokens& options) {
  return options.loss == data::Loss::tokens ? static_cast<double>(options.targets()) : 1.0;
}

double mean_loss(std::span<const double> logprobs, std::span<const EncodedExample* const> examples,
                 double weight, std::span<double> gradient) {
  double count = 0.0;
  for (const EncodedExample* example : examples) count += loss_units(*example->options);
  double sum = 0.0;
  std::size_t at = 0;
  for (const EncodedExample* example : examples) {
    const std::size_t length = example->options->targets();
    sum += example->weight * example_loss(logprobs.subspan(at, length), *example->options, example->label,
                                          example->weight * weight / count,
                                          gradient.empty() ? gradient : gradient.subspan(at, length));
    at += length;
  }
  return sum / count;
}

}  // namespace zofo::llm
