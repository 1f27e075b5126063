/// @file A labelled example as token ids: its prompt and the choices that may follow it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/task_definition.hpp"
#include "zofo/lm/tokens.hpp"

namespace zofo::llm {

/// What may follow a prompt, as token ids, and what its log-probabilities come to.
struct OptionTokens {
  std::vector<Tokens> options;        ///< the tokens that are scored
  std::vector<Tokens> contexts = {};  ///< read between the prompt and each option; none: the prompt is all
  data::Score score = data::Score::sum;
  data::Loss loss = data::Loss::choices;
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
struct EncodedExample {
  Tokens prompt;
  int label = 0;
  std::shared_ptr<const OptionTokens> options = nullptr;
  const data::Example* example = nullptr;  ///< borrowed: the row as text, for metrics that compare texts
};

}  // namespace zofo::llm
