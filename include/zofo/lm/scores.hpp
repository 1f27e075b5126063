/// @file Metrics of a model on labelled examples.
#pragma once

#include <cstddef>
#include <optional>

#include "zofo/data/answer_metrics.hpp"
#include "zofo/data/task_definition.hpp"

namespace zofo::llm {

/// Metrics on a set of examples and what their evaluation took. Accuracy, macro-F1 and balanced accuracy are
/// NaN where the examples have no answer choices; macro-F1 also where the candidates differ between examples,
/// so that there are no classes.
struct Scores {
  double accuracy = 0.0;                          ///< fraction of correct predictions
  double macro_f1 = 0.0;                          ///< mean F1 over the classes
  double loss = 0.0;                              ///< mean loss, natural logarithm
  std::size_t examples = 0;                       ///< number of examples
  double seconds = 0.0;                           ///< time of the evaluation
  std::size_t tokens = 0;                         ///< tokens read
  double balanced_accuracy = 0.0;                 ///< mean recall over the classes
  std::optional<data::AnswerScore> answers = {};  ///< means, where the examples list accepted answers
  std::size_t answer_tokens = 0;                  ///< kind text: tokens whose mean `loss` is; else 0

  /// exp(loss) where the loss is a mean over tokens; NaN elsewhere.
  [[nodiscard]] double perplexity() const;
};

/// The value of a task's metric; NaN where the scores have none.
double figure(const Scores& scores, data::Metric metric);

}  // namespace zofo::llm
