/// @file The definition of a task: prompts, possible continuations, and the scoring of answers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/template.hpp"

namespace zofo::data {

struct JsonLine;

/// Source of an example's possible continuations.
enum class Kind {
  choice,      ///< the task's answer choices, the same for every example
  candidates,  ///< texts of the example itself
  generate,    ///< none: the model generates a text, which is compared with the example's answers
  text         ///< none: the loss is that of a text's tokens (text_rows.hpp)
};

/// How the log-probabilities of a continuation's tokens are combined to its score.
enum class Score { sum, mean };

/// The training loss.
enum class Loss {
  choices,  ///< minus the log-softmax of the correct continuation's score among all
  answer,   ///< minus the score of the correct continuation (language modelling)
  tokens    ///< minus the mean log-probability of all tokens of a mini-batch (kind text)
};

/// The metric of a task.
enum class Metric { accuracy, macro_f1, balanced_accuracy, exact_match, f1 };

/// A metric's name in task files and reports.
constexpr std::string_view name_of(Metric metric) {
  constexpr std::array<std::string_view, 5> names{"accuracy", "macro_f1", "balanced_accuracy", "exact_match",
                                                  "f1"};
  return names[static_cast<std::size_t>(metric)];
}

/// How a generated answer is compared with the references (answer_metrics.hpp).
enum class AnswerRule { squad, drop };

/// A text that may follow a prompt.
struct Continuation {
  std::string prompt;   ///< the text before it
  std::string text;     ///< the continuation
  std::string neutral;  ///< the prompt without the example's contents, for calibration; may be blank
};

/// One line of a data file, rendered for the model.
struct Example {
  std::string prompt;                            ///< kinds choice and generate
  int label = 0;                                 ///< index of the correct choice or continuation
  std::size_t line = 0;                          ///< in the file, counted from 1
  std::string neutral = {};                      ///< kind choice: the prompt without the example's contents
  std::vector<Continuation> continuations = {};  ///< kind candidates: all; generate: the first reference
  std::vector<int> right = {};  ///< kind candidates: every correct continuation, `label` the first of them
  std::vector<std::string> answers = {};     ///< kind candidates: the candidates as the file has them
  std::vector<std::string> references = {};  ///< accepted answers, if the file lists them
  bool fixed_labels = true;  ///< the label is a class of the task: its index means the same in every example
  bool answer_only = false;  ///< no candidates except the answer: usable only for Loss::answer
  std::string conversation = {};    ///< kind text: {"messages": […], "tools": […]}, for a chat template
  std::size_t prompt_messages = 0;  ///< of the conversation: those before it have no answer that is learnt
};

/// A mark that splits a field into "{before}" and "{after}" for templates.
struct Gap {
  std::string field;  ///< the field that is split
  std::string mark;   ///< the text between the two parts
};

/// Removes tokens of a prompt longer than `most` after its `first` ones, since its end holds the question; 0:
/// no limit.
inline void keep_last(std::vector<std::int32_t>& tokens, std::size_t most, std::size_t first = 0) {
  if (most == 0 || tokens.size() <= most) return;
  const auto kept = static_cast<std::ptrdiff_t>(std::min(first, most));
  tokens.erase(tokens.begin() + kept, tokens.end() - (static_cast<std::ptrdiff_t>(most) - kept));
}

/// How much each class counts in the training loss.
struct ClassWeights {
  std::vector<double> values = {};  ///< of each answer choice, positive; empty: 1
  /// Instead of `values`: n / (k · n_c) for class c with n_c of the n training examples of k classes, so that
  /// all classes count alike and the mean weight is 1 (King and Zeng, 2001).
  bool balanced = false;

  /// Whether they differ from 1.
  [[nodiscard]] bool given() const { return balanced || !values.empty(); }
};

/// The contents of a `task.toml` under one of its templates (docs/guide/own-task.md).
struct Task {
  std::string name;                  ///< of the task
  Template prompt;                   ///< text before the continuation
  std::vector<std::string> choices;  ///< answer choices (key `options`), with their leading blank
  std::string label_field;           ///< field of the label, the first of several
  std::map<std::string, int>
      label_map;                      ///< label as text → index of its choice or candidate; empty: position
  std::size_t max_prompt_tokens = 0;  ///< longer prompts lose their first tokens; 0: no limit

  Kind kind = Kind::choice;                         ///< source of the continuations
  Score score = Score::sum;                         ///< of a continuation
  Loss loss = Loss::choices;                        ///< training loss
  Metric metric = Metric::accuracy;                 ///< of the task
  std::vector<Template> candidates = {};            ///< kind candidates: one text each, …
  std::string candidates_field = {};                ///< … or the list in this field
  std::string answers_field = {};                   ///< field of the accepted answers
  std::string labels_field = {};                    ///< field that lists the labels of the listed candidates
  std::vector<std::string> more_label_fields = {};  ///< fields that may hold the label instead of label_field
  std::vector<std::string> one_hot_fields = {};     ///< a field for each choice, one of which is 1
  ClassWeights class_weights = {};                  ///< of the training loss
  std::optional<Template> continuation = {};        ///< with {candidate} or {answer}, and the text after it
  std::optional<Gap> gap = {};                      ///< splits a field
  std::map<std::string, std::map<std::string, std::string>> values = {};  ///< field → value → replacement
  std::map<std::string, std::string> replace = {};  ///< replacements inside every string field
  std::optional<Template> neutral = {};             ///< the prompt without an example, for calibration
  std::string separator = "\n\n";                   ///< between demonstrations and the prompt
  std::string stop = "\n";                          ///< kind generate: ends an answer
  std::size_t max_new_tokens = 32;                  ///< kind generate: longest answer in tokens
  AnswerRule answer_rule = AnswerRule::squad;       ///< comparison with references
  std::size_t max_length = 0;                       ///< kind text: rows of more tokens are cut; 0: an error
  bool two_blanks = false;                          ///< kind choice: at the prompt's end and a choice's start
  std::string template_name = "default";            ///< the chosen template
  std::vector<std::string> template_names = {"default"};  ///< all templates of the file

  /// Reads a `task.toml` under one of its templates ("": the first, "default"). Throws Error naming file and
  /// key for a missing, mistyped or unknown key, and where check() fails for any template.
  static Task load(const std::filesystem::path& file, const std::string& template_name = "");

  /// The same for the text of the file.
  static Task parse(const std::string& text, const std::filesystem::path& file,
                    const std::string& template_name = "");

  /// Throws Error, starting with `where`, unless the members that the kind needs are set and consistent.
  void check(std::string_view where) const;

  /// True if an answer's index means the same in every example: kind choice, and candidates without fields.
  /// Only then are there classes, of which macro-F1 is a mean.
  [[nodiscard]] bool fixed_labels() const;

  /// The index of the choice or candidate that the line's label means (label_text.hpp). Without a map the
  /// label is the position of the candidate. Throws Error for a label that means none: file, line, value and
  /// the allowed labels; and for label fields that mean different ones.
  [[nodiscard]] int label(const JsonLine& line) const;

  /// The line as an example. Throws Error naming file and line for a missing field, a label outside the map,
  /// a blank prompt or continuation, or an answer that is not among the candidates.
  [[nodiscard]] Example example(const JsonLine& line) const;

  /// Whether the line has an answer: a label, or accepted answers, that is not null, missing or blank.
  [[nodiscard]] bool labelled(const JsonLine& line) const;

  /// The line as an example of unknown label (−1), without references; one of kind generate has no
  /// continuations. Throws Error as example().
  [[nodiscard]] Example unlabelled(const JsonLine& line) const;
};

/// True for a text of only blanks, tabs and line ends.
inline bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

}  // namespace zofo::data
