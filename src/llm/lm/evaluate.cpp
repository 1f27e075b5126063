#include "zofo/lm/evaluate.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/data/metrics.hpp"

namespace zofo::llm {
namespace {

// True if the labels are classes, which mean the same in every example.
bool of_classes(std::span<const EncodedExample> examples) {
  return std::ranges::all_of(examples, [](const EncodedExample& example) {
    return example.source == nullptr || example.source->fixed_labels;
  });
}

// The mean score of the chosen candidates' texts, where examples have references and candidates.
std::optional<data::AnswerScore> chosen_answers(std::span<const EncodedExample> examples,
                                                std::span<const int> predictions, data::AnswerRule rule) {
  data::AnswerScore sum;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const data::Example* source = examples[i].source;
    if (source == nullptr || source->references.empty() || source->answers.empty()) return {};
    const std::string& chosen = source->answers[static_cast<std::size_t>(predictions[i])];
    const data::AnswerScore score = data::answer_score(rule, chosen, source->references);
    sum.exact_match += score.exact_match;
    sum.f1 += score.f1;
  }
  const auto count = static_cast<double>(examples.size());
  return data::AnswerScore{sum.exact_match / count, sum.f1 / count};
}

}  // namespace

int matched_label(const EncodedExample& example, int prediction) {
  if (example.source == nullptr) return example.label;
  const std::vector<int>& right = example.source->right;
  return std::ranges::find(right, prediction) != right.end() ? prediction : example.label;
}

Scores scores_of(std::span<const EncodedExample> examples, std::span<const std::vector<double>> by_example,
                 data::AnswerRule rule) {
  require(!examples.empty(), "examples to evaluate: 0: must be at least 1");
  Scores scores;
  std::vector<int> labels, predictions;
  std::vector<double> losses;
  std::size_t classes = 1;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::vector<double>& own = by_example[i];
    predictions.push_back(static_cast<int>(std::ranges::max_element(own) - own.begin()));
    labels.push_back(matched_label(examples[i], predictions.back()));
    losses.push_back(score_loss(*examples[i].options, own, examples[i].label));
    classes = std::max(classes, own.size());
  }
  scores.examples = examples.size();
  if (classes == 1) {
    scores.accuracy = scores.macro_f1 = scores.balanced_accuracy = std::numeric_limits<double>::quiet_NaN();
  } else {
    scores.accuracy = data::accuracy(labels, predictions);
    scores.macro_f1 = of_classes(examples) ? data::macro_f1(labels, predictions, static_cast<int>(classes))
                                           : std::numeric_limits<double>::quiet_NaN();
    scores.balanced_accuracy = data::balanced_accuracy(labels, predictions, static_cast<int>(classes));
  }
  scores.answers = chosen_answers(examples, predictions, rule);
  double sum = 0.0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const OptionTokens& options = *examples[i].options;
    if (options.loss == data::Loss::tokens) scores.answer_tokens += options.targets();
    sum += losses[i];
  }
  scores.loss =
      scores.answer_tokens > 0 ? sum / static_cast<double>(scores.answer_tokens) : data::mean_loss(losses);
  return scores;
}

}  // namespace zofo::llm
