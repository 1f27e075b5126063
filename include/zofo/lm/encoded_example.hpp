/// @file A labelled example as token ids: its prompt and the answer choices that may follow it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "zofo/data/task_definition.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm {

/// The answer choices after a prompt as token ids, and how their log-probabilities become scores and a loss.
struct OptionTokens {
  std::vector<Tokens> options;            ///< the tokens that are scored, of each choice
  std::vector<Tokens> contexts = {};      ///< tokens between the prompt and each choice; empty: none
  data::Score score = data::Score::sum;   ///< how the log-probabilities of a choice become its score
  data::Loss loss = data::Loss::choices;  ///< how the scores become the loss
  std::vector<double> offsets = {};       ///< subtracted from the scores (calibration); empty: 0
  /// Free text (Loss::tokens): the prompt is the whole sequence, and token j of the only choice is predicted
  /// after position positions[j] of it. Empty: the choices follow the prompt.
  std::vector<std::uint32_t> positions = {};

  /// Throws Error unless there are at least two choices (one for Loss::answer) of at least one token each,
  /// with as many contexts and offsets as choices, or none.
  void check() const;
  /// True if every choice is one token right after the prompt. Then an example is one sequence, and all its
  /// log-probabilities are those of the last position.
  [[nodiscard]] bool single() const;
  /// Log-probabilities of one example: the number of tokens of all choices.
  [[nodiscard]] std::size_t targets() const;
  /// Tokens that choice i adds to the prompt: its last token is predicted, but never read.
  [[nodiscard]] std::size_t added(std::size_t i) const;
  /// The maximum of added() over the choices.
  [[nodiscard]] std::size_t longest() const;
};

/// A labelled example: the ids of its prompt, the index of the correct choice, and the choices. Examples with
/// the task's own choices share one object of them.
struct EncodedExample {
  Tokens prompt;                                          ///< token ids
  int label = 0;                                          ///< index of the correct choice
  std::shared_ptr<const OptionTokens> options = nullptr;  ///< the choices; null only before they are set
  const data::Example* source = nullptr;  ///< borrowed: the example as text, for metrics that compare texts
  double weight = 1.0;                    ///< factor of its loss in a mean loss (class weights)
  /// The ids after which an answer is generated; empty: those of `prompt`, which differ where white space at
  /// the prompt's end counts as the answer's (encode_pair).
  Tokens generation_prompt = {};

  /// The ids after which an answer is generated.
  [[nodiscard]] const Tokens& before_answer() const {
    return generation_prompt.empty() ? prompt : generation_prompt;
  }
};

}  // namespace zofo::llm
