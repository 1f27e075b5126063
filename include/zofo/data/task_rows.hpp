/// @file How a row becomes an example: prompts, continuations, label and accepted answers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/task_definition.hpp"

namespace zofo::data {

namespace detail {

inline void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Adds "before" and "after". Error unless the mark is there exactly once.
inline void cut_gap(const Gap& gap, JsonLine& row) {
  const std::string text = row.text(gap.field);
  const std::size_t at = text.find(gap.mark);
  require(at != std::string::npos, "{}: field '{}': has no '{}'", row.location(), gap.field, gap.mark);
  require(text.find(gap.mark, at + gap.mark.size()) == std::string::npos,
          "{}: field '{}': has '{}' more than once", row.location(), gap.field, gap.mark);
  row.fields["before"] = text.substr(0, at);
  row.fields["after"] = text.substr(at + gap.mark.size());
}

/// The row as templates see it: texts replaced, values put into words, the gap cut.
inline JsonLine prepared(const Task& task, const JsonLine& row) {
  JsonLine made = row;
  for (auto& item : made.fields.items())
    if (item.value().is_string())
      for (const auto& [from, to] : task.replace) replace_all(item.value().get_ref<std::string&>(), from, to);
  if (task.gap) cut_gap(*task.gap, made);
  for (const auto& [field, words] : task.values) {
    const std::string value = row.text(field);
    const auto found = words.find(value);
    std::string allowed;
    for (const auto& entry : words) allowed += (allowed.empty() ? "'" : ", '") + entry.first + "'";
    require(found != words.end(), "{}: field '{}' is '{}': must be one of {}", row.location(), field, value,
            allowed);
    made.fields[field] = found->second;
  }
  return made;
}

/// The row with nothing in it that tells of it: only values put into words, and the candidate, are left.
inline JsonLine emptied(const Task& task, const JsonLine& row) {
  JsonLine made = row;
  for (auto& item : made.fields.items())
    if (item.key() != "candidate" && !task.values.contains(item.key())) item.value() = "";
  return made;
}

inline std::string neutral_prompt(const Task& task, const JsonLine& row) {
  const std::string text = task.neutral ? task.neutral->render(row) : task.prompt.render(emptied(task, row));
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

/// A blank between prompt and continuation belongs to the continuation, as tokens have it.
inline void move_blanks(std::string& prompt, std::string& text) {
  const std::size_t end = prompt.find_last_not_of(' ') + 1;
  text.insert(0, prompt.substr(end));
  prompt.erase(end);
}

inline void check_text(const JsonLine& row, const std::string& text, const char* what) {
  require(!is_blank(text), "{}: the {} is blank", row.location(), what);
}

/// The continuation of `row`, whose "candidate" or "answer" is set.
inline Continuation continuation_of(const Task& task, const JsonLine& row) {
  Continuation made{task.prompt.render(row), task.continuation->render(row), ""};
  move_blanks(made.prompt, made.text);
  check_text(row, made.prompt, "prompt");
  check_text(row, made.text, "continuation");
  if (task.kind == Kind::candidates) {
    made.neutral = neutral_prompt(task, row);
    made.neutral.erase(made.neutral.find_last_not_of(' ') + 1);
  }
  return made;
}

/// Texts that may fill in for {candidate}, each once.
inline std::vector<std::string> candidate_texts(const Task& task, const JsonLine& row) {
  std::vector<std::string> all;
  if (task.candidates_field.empty())  // those that a label counts stay where they are
    for (const Template& each : task.candidates) all.push_back(each.render(row));
  else
    for (std::string& each : row.texts(task.candidates_field))
      if (std::find(all.begin(), all.end(), each) == all.end()) all.push_back(std::move(each));
  return all;
}

/// The accepted answers of a row. Error when there are none or one is blank.
inline std::vector<std::string> references(const Task& task, const JsonLine& row) {
  std::vector<std::string> answers = row.texts(task.answers_field);
  require(!answers.empty(), "{}: field '{}': no answer, must have at least one", row.location(),
          task.answers_field);
  for (const std::string& answer : answers)
    require(!is_blank(answer), "{}: field '{}': an answer is blank", row.location(), task.answers_field);
  return answers;
}

/// Which candidates are right. Error when none is.
inline std::vector<int> right_candidates(const Task& task, const JsonLine& row, const Example& example) {
  if (task.candidates_field.empty()) return {task.label(row)};
  std::vector<int> right;
  for (std::size_t i = 0; i < example.answers.size(); ++i)
    if (std::find(example.references.begin(), example.references.end(), example.answers[i]) !=
        example.references.end())
      right.push_back(static_cast<int>(i));
  require(!right.empty(),
          "{}: none of the answers (field '{}', the first is '{}') is among the {} candidates",
          row.location(), task.answers_field, example.references.front(), example.answers.size());
  return right;
}

inline void fill_candidates(const Task& task, const JsonLine& row, JsonLine& seen, Example& made) {
  if (!task.answers_field.empty()) made.references = references(task, row);
  made.answers = candidate_texts(task, seen);
  if (made.answers.empty()) {  // only a list in a field can be
    made.answer_only = true;
    made.answers.push_back(made.references.front());
  }
  made.right = right_candidates(task, row, made);
  made.label = made.right.front();
  for (const std::string& each : made.answers) {
    seen.fields["candidate"] = each;
    made.continuations.push_back(continuation_of(task, seen));
  }
}

}  // namespace detail

inline Example Task::example(const JsonLine& row) const {
  JsonLine seen = detail::prepared(*this, row);
  Example made;
  made.line = row.line;
  if (kind == Kind::candidates) {
    detail::fill_candidates(*this, row, seen, made);
    return made;
  }
  if (kind == Kind::choice) {
    made.prompt = prompt.render(seen);
    made.label = label(row);
    made.neutral = detail::neutral_prompt(*this, seen);
  } else {
    made.references = detail::references(*this, row);
    seen.fields["answer"] = made.references.front();
    made.continuations.push_back(detail::continuation_of(*this, seen));
    made.prompt = made.continuations.front().prompt;
  }
  detail::check_text(row, made.prompt, "prompt");
  return made;
}

}  // namespace zofo::data
