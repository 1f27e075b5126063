#include "zofo/data/task_definition.hpp"

#include <algorithm>
#include <cmath>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/label_text.hpp"

namespace zofo::data {

namespace {

bool names_field(const std::optional<Template>& text, std::string_view field) {
  if (!text) return false;
  const std::vector<std::string> fields = text->fields();
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

void check_choices(const Task& task, std::string_view where) {
  const std::vector<std::string>& choices = task.choices;
  require(choices.size() >= 2, "{}: options: {} given, at least 2 needed", where, choices.size());
  for (std::size_t i = 0; i < choices.size(); ++i) {
    require(!is_blank(choices[i]), "{}: options[{}] = '{}': must not be blank", where, i, choices[i]);
    const auto same = std::find(choices.begin(), choices.end(), choices[i]) - choices.begin();
    require(static_cast<std::size_t>(same) == i, "{}: options[{}] = '{}': the same as options[{}]", where, i,
            choices[i], same);
  }
}

void check_label_fields(const Task& task, std::string_view where) {
  require(!task.label_field.empty(), "{}: label_field: must not be empty", where);
  for (const std::string& field : task.more_label_fields)
    require(!field.empty(), "{}: label_field: must not be empty", where);
}

void check_one_hot(const Task& task, std::size_t choices, std::string_view where) {
  const std::size_t fields = task.one_hot_fields.size();
  require(fields == choices, "{}: one_hot_fields: {} given for {} options", where, fields, choices);
  require(task.label_field.empty() && task.label_map.empty(),
          "{}: one_hot_fields: takes the place of label_field and label_map: only one can be given", where);
}

void check_class_weights(const Task& task, std::size_t classes, std::string_view where) {
  const std::vector<double>& weights = task.class_weights.values;
  if (weights.empty()) return;
  require(weights.size() == classes, "{}: class_weights: {} given for {} classes", where, weights.size(),
          classes);
  for (std::size_t i = 0; i < weights.size(); ++i)
    require(std::isfinite(weights[i]) && weights[i] > 0.0 && weights[i] <= 1e6,
            "{}: class_weights[{}] = {}: must be above 0 and at most 1e6", where, i, weights[i]);
}

void check_labels(const Task& task, std::size_t choices, std::string_view where) {
  check_class_weights(task, choices, where);
  if (!task.one_hot_fields.empty()) return check_one_hot(task, choices, where);
  check_label_fields(task, where);
  if (task.kind == Kind::choice) require(!task.label_map.empty(), "{}: label_map: must not be empty", where);
  for (const auto& [text, choice] : task.label_map)
    require(choice >= 0 && static_cast<std::size_t>(choice) < choices,
            "{}: label_map.'{}' = {}: must be an index of options, in [0, {}]", where, text, choice,
            choices - 1);
}

// Candidates that are no classes: which is right is known from the answers, or from a label of the row.
void check_listed(const Task& task, std::string_view where) {
  require(!task.class_weights.given(),
          "{}: class_weights: the candidates of a row are no classes: must not be given", where);
  if (!task.label_field.empty()) return check_label_fields(task, where);
  require(!task.answers_field.empty(), "{}: no key 'answers_field' and no key 'label_field'", where);
  require(task.labels_field.empty(), "{}: labels_field: needs label_field", where);
}

void check_candidates(const Task& task, std::string_view where) {
  const bool listed = !task.candidates_field.empty();
  require(listed != !task.candidates.empty(), "{}: one of candidates and candidates_field must be given",
          where);
  require(task.continuation.has_value(), "{}: no key 'continuation'", where);
  require(names_field(task.continuation, "candidate") || names_field(task.prompt, "candidate"),
          "{}: neither prompt nor continuation has the field {{candidate}}", where);
  require(listed || task.labels_field.empty(), "{}: labels_field: needs candidates_field", where);
  const bool compared = task.label_field.empty() && !task.answers_field.empty();
  require(listed || task.candidates.size() >= 2, "{}: candidates: {} given, at least 2 needed", where,
          task.candidates.size());
  if (listed || compared) return check_listed(task, where);
  check_labels(task, task.candidates.size(), where);
}

void check_generate(const Task& task, std::string_view where) {
  require(!task.answers_field.empty(), "{}: no key 'answers_field'", where);
  require(names_field(task.continuation, "answer"), "{}: continuation: must have the field {{answer}}",
          where);
  require(task.loss == Loss::answer, "{}: loss: must be \"answer\" for generated answers", where);
  require(!task.stop.empty(), "{}: stop: must not be empty", where);
  require(task.max_new_tokens >= 1, "{}: max_new_tokens = 0: must be at least 1", where);
}

}  // namespace

bool Task::fixed_labels() const {
  if (kind != Kind::candidates) return kind == Kind::choice;
  return !candidates.empty() &&
         std::ranges::all_of(candidates, [](const Template& each) { return each.fields().empty(); });
}

void Task::check(std::string_view where) const {
  if (kind == Kind::text) return require(loss == Loss::tokens, "{}: loss: must be that of the tokens", where);
  require(!prompt.fields().empty(), "{}: prompt '{}': must have a {{field}}", where, prompt.text());
  require(!gap || (!gap->field.empty() && !gap->mark.empty()), "{}: gap: field and mark must not be empty",
          where);
  for (const auto& entry : replace)
    require(!entry.first.empty(), "{}: replace: the text to be replaced must not be empty", where);
  const bool generated = metric == Metric::exact_match || metric == Metric::f1;
  require(!generated || !answers_field.empty(),
          "{}: metric: compares with answers, so answers_field must be given", where);
  require(kind != Kind::generate || generated, "{}: metric: must be exact_match or f1 for generated answers",
          where);
  require(metric != Metric::macro_f1 || fixed_labels(),
          "{}: metric = \"macro_f1\": is a mean over classes; the candidates differ between examples, so it "
          "must be accuracy, or exact_match or f1 with answers_field",
          where);
  if (kind == Kind::choice) {
    check_choices(*this, where);
    check_labels(*this, choices.size(), where);
  } else if (kind == Kind::candidates) {
    check_candidates(*this, where);
  } else {
    check_generate(*this, where);
  }
}

}  // namespace zofo::data
