#include "zofo/data/task_definition.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/label_text.hpp"
#include "zofo/data/text_rows.hpp"

namespace zofo::data {

namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Adds the fields "before" and "after". Throws Error unless the mark occurs exactly once.
void split_gap(const Gap& gap, JsonLine& line) {
  const std::string text = line.text(gap.field);
  const std::size_t at = text.find(gap.mark);
  require(at != std::string::npos, "{}: field '{}': has no '{}'", line.location(), gap.field, gap.mark);
  require(text.find(gap.mark, at + gap.mark.size()) == std::string::npos,
          "{}: field '{}': has '{}' more than once", line.location(), gap.field, gap.mark);
  line.fields["before"] = text.substr(0, at);
  line.fields["after"] = text.substr(at + gap.mark.size());
}

// Replaces texts in a string, or in all strings inside an object or a list.
void replace_texts(const Task& task, nlohmann::json& value) {
  if (value.is_string())
    for (const auto& [from, to] : task.replace) replace_all(value.get_ref<std::string&>(), from, to);
  if (!value.is_structured()) return;
  for (nlohmann::json& item : value) replace_texts(task, item);
}

// The line as templates read it: texts and values replaced, the gap split.
JsonLine prepared(const Task& task, const JsonLine& line) {
  JsonLine made = line;
  if (!task.replace.empty()) replace_texts(task, made.fields);
  if (task.gap) split_gap(*task.gap, made);
  for (const auto& [field, words] : task.values) {
    const std::string value = line.text(field);
    auto found = words.find(value);
    std::string allowed;
    for (const auto& entry : words) allowed += (allowed.empty() ? "'" : ", '") + entry.first + "'";
    for (auto each = words.begin(); found == words.end() && each != words.end(); ++each)
      if (plain_label(each->first) == plain_label(value)) found = each;
    require(found != words.end(), "{}: field '{}' is '{}': must be one of {}", line.location(), field, value,
            allowed);
    made.fields[field] = found->second;
  }
  return made;
}

// Empties a value, or all values inside an object or a list.
void empty_texts(nlohmann::json& value) {
  if (!value.is_structured()) return void(value = "");
  for (nlohmann::json& item : value) empty_texts(item);
}

// The line without its contents: only replaced values and the candidate remain.
JsonLine emptied(const Task& task, const JsonLine& line) {
  JsonLine made = line;
  for (auto& item : made.fields.items())
    if (item.key() != "candidate" && !task.values.contains(item.key())) empty_texts(item.value());
  return made;
}

std::string neutral_prompt(const Task& task, const JsonLine& line) {
  const std::string text =
      task.neutral ? task.neutral->render(line) : task.prompt.render(emptied(task, line));
  return text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

// Moves blanks between prompt and continuation to the continuation, because tokens begin with a blank.
void move_blanks(std::string& prompt, std::string& text) {
  const std::size_t end = prompt.find_last_not_of(' ') + 1;
  text.insert(0, prompt.substr(end));
  prompt.erase(end);
}

void check_text(const JsonLine& line, const std::string& text, const char* what) {
  require(!is_blank(text), "{}: the {} is blank", line.location(), what);
}

// The continuation of `line`, whose field "candidate" or "answer" is set.
Continuation continuation_of(const Task& task, const JsonLine& line) {
  Continuation made{task.prompt.render(line), task.continuation->render(line), ""};
  move_blanks(made.prompt, made.text);
  check_text(line, made.prompt, "prompt");
  check_text(line, made.text, "continuation");
  if (task.kind == Kind::candidates) {
    made.neutral = neutral_prompt(task, line);
    made.neutral.erase(made.neutral.find_last_not_of(' ') + 1);
  }
  return made;
}

// Texts for {candidate}, each once.
std::vector<std::string> candidate_texts(const Task& task, const JsonLine& line, const JsonLine& seen) {
  std::vector<std::string> all;
  if (task.candidates_field.empty()) {
    for (const Template& each : task.candidates) all.push_back(each.render(seen));
    return all;
  }
  // Answers are compared with the texts of the file. A label is an index, so duplicates stay.
  if (!task.label_field.empty()) return seen.texts(task.candidates_field);
  for (std::string& each : line.texts(task.candidates_field))
    if (std::find(all.begin(), all.end(), each) == all.end()) all.push_back(std::move(each));
  return all;
}

// The accepted answers of a line. Throws Error when there are none or one is blank.
std::vector<std::string> references(const Task& task, const JsonLine& line) {
  std::vector<std::string> answers = line.texts(task.answers_field);
  require(!answers.empty(), "{}: field '{}': no answer, must have at least one", line.location(),
          task.answers_field);
  for (const std::string& answer : answers)
    require(!is_blank(answer), "{}: field '{}': an answer is blank", line.location(), task.answers_field);
  return answers;
}

// Which candidates are right. Throws Error when none is.
std::vector<int> right_candidates(const Task& task, const JsonLine& line, const Example& example) {
  if (!task.label_field.empty()) return {task.label(line)};
  std::vector<int> right;
  for (std::size_t i = 0; i < example.answers.size(); ++i)
    if (std::find(example.references.begin(), example.references.end(), example.answers[i]) !=
        example.references.end())
      right.push_back(static_cast<int>(i));
  require(!right.empty(),
          "{}: none of the answers (field '{}', the first is '{}') is among the {} candidates",
          line.location(), task.answers_field, example.references.front(), example.answers.size());
  return right;
}

void fill_candidates(const Task& task, const JsonLine& line, JsonLine& seen, bool labelled, Example& made) {
  if (labelled && !task.answers_field.empty()) made.references = references(task, line);
  made.answers = candidate_texts(task, line, seen);
  require(task.label_field.empty() || made.answers.size() >= 2,
          "{}: field '{}' has {} candidates: must have at least 2", line.location(), task.candidates_field,
          made.answers.size());
  if (made.answers.empty()) {  // only a list in a field can be empty
    require(labelled, "{}: field '{}' has no candidates to choose from", line.location(),
            task.candidates_field);
    made.answer_only = true;
    made.answers.push_back(made.references.front());
  }
  if (labelled) made.right = right_candidates(task, line, made);
  made.fixed_labels = task.fixed_labels();
  made.label = labelled ? made.right.front() : -1;
  for (const std::string& each : made.answers) {
    seen.fields["candidate"] = each;
    made.continuations.push_back(continuation_of(task, seen));
  }
}

// Whether a field has a value: CSV has "" for what is missing.
bool is_given(const JsonLine& line, const std::string& field) {
  if (!line.has(field)) return false;
  const nlohmann::json& value = line.at(field);
  if (value.is_string()) return !is_blank(value.get_ref<const std::string&>());
  return !value.is_array() || !value.empty();
}

Example example_of(const Task& task, const JsonLine& line, bool labelled) {
  if (task.kind == Kind::text) return text_example(line);
  JsonLine seen = prepared(task, line);
  Example made;
  made.line = line.line;
  if (task.kind == Kind::candidates) {
    fill_candidates(task, line, seen, labelled, made);
    return made;
  }
  if (task.kind == Kind::choice) {
    made.prompt = task.prompt.render(seen);
    made.label = labelled ? task.label(line) : -1;
    made.neutral = neutral_prompt(task, seen);
    made.neutral.erase(made.neutral.find_last_not_of(' ') + 1);
  } else if (labelled) {
    made.references = references(task, line);
    seen.fields["answer"] = made.references.front();
    made.continuations.push_back(continuation_of(task, seen));
    made.prompt = made.continuations.front().prompt;
  } else {
    made.label = -1;
    std::string after;  // the blanks that an answer would start with
    made.prompt = task.prompt.render(seen);
    move_blanks(made.prompt, after);
  }
  check_text(line, made.prompt, "prompt");
  return made;
}

}  // namespace

Example Task::example(const JsonLine& line) const { return example_of(*this, line, true); }

Example Task::unlabelled(const JsonLine& line) const { return example_of(*this, line, false); }

bool Task::labelled(const JsonLine& line) const {
  const auto given = [&](const std::string& field) { return is_given(line, field); };
  if (kind == Kind::text) return true;
  if (!one_hot_fields.empty()) return std::ranges::any_of(one_hot_fields, given);
  if (label_field.empty()) return given(answers_field);
  return given(label_field) || std::ranges::any_of(more_label_fields, given);
}

}  // namespace zofo::data
