/// @file What a task asks of a model: prompts, what may follow them, and how answers are scored.
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

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/template.hpp"

namespace zofo::data {

/// Where a row's possible continuations come from.
enum class Kind {
  choice,      ///< the task's option words, the same for every row
  candidates,  ///< texts of the row itself
  generate     ///< none: the model writes, and the text is compared with the row's answers
};

/// What the token log-probabilities of a continuation come to.
enum class Score { sum, mean };

/// What training minimises: minus the log-softmax of the right continuation's score among all, or minus the
/// score of the right one alone (language modelling).
enum class Loss { options, answer };

/// The figure that a task is judged by.
enum class Metric { accuracy, macro_f1, balanced_accuracy, exact_match, f1 };

/// A figure's name, as task files and reports have it.
constexpr std::string_view name_of(Metric metric) {
  constexpr std::array<std::string_view, 5> names{"accuracy", "macro_f1", "balanced_accuracy", "exact_match",
                                                  "f1"};
  return names[static_cast<std::size_t>(metric)];
}

/// The rules by which a written answer is compared with the accepted ones (answer_metrics.hpp).
enum class AnswerRule { squad, drop };

/// A text and what it is read after.
struct Continuation {
  std::string prompt;
  std::string text;
  std::string neutral;  ///< the prompt with nothing in it that tells of the row; may be blank
};

/// One row made ready for the model.
struct Example {
  std::string prompt;                            ///< kinds choice and generate
  int label = 0;                                 ///< index of the right option or continuation
  std::size_t line = 0;                          ///< of the file, counted from 1
  std::string neutral = {};                      ///< kind choice: the prompt without the row
  std::vector<Continuation> continuations = {};  ///< kind candidates: all; generate: the first reference
  std::vector<int> right = {};  ///< kind candidates: every right continuation, `label` the first of them
  std::vector<std::string> answers = {};     ///< kind candidates: the candidates as the row has them
  std::vector<std::string> references = {};  ///< accepted answers, where the row lists them
  bool answer_only = false;  ///< the row has no candidates but its answer: fit for Loss::answer alone
};

/// A field cut in two at a mark: "{before}" and "{after}" in templates.
struct Gap {
  std::string field, mark;
};

/// What a `task.toml` says, under one of its templates (docs/guide/own-task.md).
struct Task {
  std::string name;
  Template prompt;
  std::vector<std::string> options;  ///< texts after the prompt, leading blank included
  std::string label_field;
  std::map<std::string, int> label_map;  ///< a label as text → index of its option or candidate
  std::size_t max_prompt_tokens = 0;     ///< longer prompts lose their front; 0: no limit

  Kind kind = Kind::choice;
  Score score = Score::sum;
  Loss loss = Loss::options;
  Metric metric = Metric::accuracy;
  std::vector<Template> candidates = {};      ///< kind candidates: one text each, …
  std::string candidates_field = {};          ///< … or the list in this field
  std::string answers_field = {};             ///< accepted answers of a row
  std::optional<Template> continuation = {};  ///< of {candidate} or {answer}, and what comes after it
  std::optional<Gap> gap = {};
  std::map<std::string, std::map<std::string, std::string>> values = {};  ///< field → its value → its text
  std::map<std::string, std::string> replace = {};                        ///< in every text of a row
  std::optional<Template> neutral = {};  ///< the prompt without a row, for calibration
  std::string separator = "\n\n";        ///< between solved rows and the prompt
  std::string stop = "\n";               ///< kind generate: ends an answer
  std::size_t max_new_tokens = 32;       ///< kind generate: also ends it
  AnswerRule answer_rule = AnswerRule::squad;
  std::string template_name = "default";                  ///< which template this is
  std::vector<std::string> template_names = {"default"};  ///< all that the file has

  /// Reads a `task.toml` under one of its templates ("": the first, "default"). Error, naming file and key,
  /// for anything missing, of the wrong type, unknown, or against check(), in any template.
  static Task load(const std::filesystem::path& file, const std::string& template_name = "");

  /// Error unless what the kind needs is there and fits together. `where` heads the message.
  void check(std::string_view where) const;

  /// The option that the row's label names. Error for a label outside the map: file, line, value and the
  /// labels allowed.
  int label(const Row& row) const {
    const std::string text = row.text(label_field);
    const auto found = label_map.find(text);
    if (found != label_map.end()) return found->second;
    std::string allowed;
    for (const auto& entry : label_map) allowed += (allowed.empty() ? "'" : ", '") + entry.first + "'";
    fail("{}: label '{}' (field '{}'): must be one of {}", row.place(), text, label_field, allowed);
  }

  /// The row as an example (task_rows.hpp). Error for a missing field, a label outside the map, a blank
  /// prompt or continuation, an answer that no candidate gives.
  Example example(const Row& row) const;

  /// Drops tokens from the front of a prompt longer than max_prompt_tokens: the end holds the question.
  void shorten(std::vector<std::int32_t>& tokens) const {
    if (max_prompt_tokens == 0 || tokens.size() <= max_prompt_tokens) return;
    tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(max_prompt_tokens));
  }
};

/// True for a text without a character other than blanks, tabs and line ends.
inline bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

namespace detail {

inline bool names_field(const std::optional<Template>& text, std::string_view field) {
  if (!text) return false;
  const std::vector<std::string> fields = text->fields();
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

inline void check_options(const Task& task, std::string_view where) {
  const std::vector<std::string>& options = task.options;
  require(options.size() >= 2, "{}: options: {} given, at least 2 needed", where, options.size());
  for (std::size_t i = 0; i < options.size(); ++i) {
    require(!is_blank(options[i]), "{}: options[{}] = '{}': must not be blank", where, i, options[i]);
    const auto same = std::find(options.begin(), options.end(), options[i]) - options.begin();
    require(static_cast<std::size_t>(same) == i, "{}: options[{}] = '{}': the same as options[{}]", where, i,
            options[i], same);
  }
}

inline void check_labels(const Task& task, std::size_t options, std::string_view where) {
  require(!task.label_field.empty(), "{}: label_field: must not be empty", where);
  require(!task.label_map.empty(), "{}: label_map: must not be empty", where);
  for (const auto& [text, option] : task.label_map)
    require(option >= 0 && static_cast<std::size_t>(option) < options,
            "{}: label_map.'{}' = {}: must be an index of options, in [0, {}]", where, text, option,
            options - 1);
}

inline void check_candidates(const Task& task, std::string_view where) {
  const bool listed = !task.candidates_field.empty();
  require(listed != !task.candidates.empty(), "{}: one of candidates and candidates_field must be given",
          where);
  require(task.continuation.has_value(), "{}: no key 'continuation'", where);
  require(names_field(task.continuation, "candidate") || names_field(task.prompt, "candidate"),
          "{}: neither prompt nor continuation has the field {{candidate}}", where);
  if (listed) return require(!task.answers_field.empty(), "{}: no key 'answers_field'", where);
  require(task.candidates.size() >= 2, "{}: candidates: {} given, at least 2 needed", where,
          task.candidates.size());
  check_labels(task, task.candidates.size(), where);
}

inline void check_generate(const Task& task, std::string_view where) {
  require(!task.answers_field.empty(), "{}: no key 'answers_field'", where);
  require(names_field(task.continuation, "answer"), "{}: continuation: must have the field {{answer}}",
          where);
  require(task.loss == Loss::answer, "{}: loss: must be \"answer\" where the model writes", where);
  require(!task.stop.empty(), "{}: stop: must not be empty", where);
  require(task.max_new_tokens >= 1, "{}: max_new_tokens = 0: must be at least 1", where);
}

}  // namespace detail

inline void Task::check(std::string_view where) const {
  require(!prompt.fields().empty(), "{}: prompt '{}': must have a {{field}}", where, prompt.text());
  require(!gap || (!gap->field.empty() && !gap->mark.empty()), "{}: gap: field and mark must not be empty",
          where);
  for (const auto& entry : replace)
    require(!entry.first.empty(), "{}: replace: the text to replace must not be empty", where);
  const bool written = metric == Metric::exact_match || metric == Metric::f1;
  require(!written || !answers_field.empty(),
          "{}: metric: compares with answers, so answers_field must be given", where);
  require(kind != Kind::generate || written, "{}: metric: must be exact_match or f1 where the model writes",
          where);
  if (kind == Kind::choice) {
    detail::check_options(*this, where);
    detail::check_labels(*this, options.size(), where);
  } else if (kind == Kind::candidates) {
    detail::check_candidates(*this, where);
  } else {
    detail::check_generate(*this, where);
  }
}

}  // namespace zofo::data
