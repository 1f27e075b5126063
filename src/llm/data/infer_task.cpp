#include "zofo/data/infer_task.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "infer_parts.hpp"
#include "text_forms.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/label_text.hpp"
#include "zofo/data/text_rows.hpp"

namespace zofo::data {

namespace {

using detail::Column;

constexpr std::string_view no_template = "{}|";  // a name with one of these cannot be in a template

const Column* find_column(const std::vector<Column>& columns, const std::string& name) {
  for (const Column& column : columns)
    if (column.name == name) return &column;
  return nullptr;
}

// Whether every value of `other` goes with one label, and every label with one value.
bool gives_label(const RowTable& table, const Column& label, const Column& other) {
  if (other.many || other.counts.size() != label.counts.size() || other.rows != table.rows.size())
    return false;
  std::map<std::string, std::string> partner;
  for (const JsonLine& row : table.rows) {
    const std::string key = plain_label(row.text(label.name)), value = plain_label(row.text(other.name));
    if (partner.emplace(key, value).first->second != value) return false;
  }
  return true;
}

// Whether the column repeats the answer in every row.
bool repeats_answer(const RowTable& table, const std::string& label, const Column& other) {
  if (other.any_lists > 0 || other.rows != table.rows.size()) return false;
  return std::all_of(table.rows.begin(), table.rows.end(), [&](const JsonLine& row) {
    return !row.at(label).is_structured() && row.text(other.name) == row.text(label);
  });
}

bool is_explanation(const std::string& name) {
  const std::string bare = detail::bare_name(name);
  return bare == "explanation" || bare == "rationale" || bare == "reasoning" || bare == "exp";
}

// Why a column does not belong into the prompt; nothing if it does.
std::string reason_to_leave_out(const RowTable& table, const Column& column, const TaskDraft& draft) {
  const std::size_t rows = table.rows.size();
  if (std::find(draft.candidates.begin(), draft.candidates.end(), column.name) != draft.candidates.end() ||
      column.name == draft.candidates_field)
    return "the choices";
  if (column.name == draft.labels_field) return "the names of the choices";
  if (column.any_lists > 0) return "a list";
  if (column.rows == 0) return "empty";
  if (column.present < rows) return fmt::format("missing in {} of {} rows", rows - column.present, rows);
  if (detail::is_identifier(column)) return "identifies the row";
  if (column.name.find_first_of(no_template) != std::string::npos) return "a name with {, } or |";
  if (!column.many && column.counts.size() == 1 && rows > 1 && column.rows == rows)
    return "the same in every row";
  if (is_explanation(column.name)) return "explains the answer";
  if (repeats_answer(table, draft.label_column, column)) return "repeats the answer";
  return {};
}

// A literal text in a template.
std::string literal(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '{' || c == '}' ? 2 : 1, c);
  return doubled;
}

void set_prompt(const RowTable& table, const std::vector<Column>& columns, const Column* names,
                TaskDraft& draft) {
  for (const Column& column : columns) {
    if (column.name == draft.label_column) continue;
    std::string reason = reason_to_leave_out(table, column, draft);
    const Column* label = find_column(columns, draft.label_column);
    if (reason.empty() && draft.kind == Kind::choice && gives_label(table, *label, column))
      reason = &column == names ? "the words of the label" : "the same information as the label";
    if (reason.empty())
      draft.prompt_columns.push_back(column.name);
    else
      draft.left_out.emplace_back(column.name, reason);
  }
  std::string reasons;
  for (const auto& [name, reason] : draft.left_out)
    reasons += fmt::format("{}'{}' ({})", reasons.empty() ? "" : ", ", name, reason);
  require(!draft.prompt_columns.empty(), "{}: no column for the prompt is left next to the label '{}': {}",
          table.file, draft.label_column, reasons);
  const bool one = draft.prompt_columns.size() == 1;
  for (const std::string& name : draft.prompt_columns)
    draft.prompt += (one ? "" : literal(detail::title_of(name)) + ": ") + "{" + name + "}\n";
  const std::string title = draft.kind == Kind::candidates ? "Answer" : detail::title_of(draft.label_column);
  draft.prompt += literal(is_blank(title) ? "Answer" : title) + ":";
}

// The labels in the order of their options: by number if all are numbers.
std::vector<std::string> ordered_labels(const Column& label) {
  std::vector<std::string> labels;
  for (const auto& [plain, count] : label.counts) labels.push_back(plain);
  const auto value = [](const std::string& text) {
    double number = 0.0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  };
  if (label.numbers == label.rows)
    std::stable_sort(labels.begin(), labels.end(),
                     [&](const std::string& a, const std::string& b) { return value(a) < value(b); });
  return labels;
}

// " answer_word " as " answer word".
std::string as_option(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  return fmt::format(" {}", detail::trimmed(text));
}

void set_options(const RowTable& table, const Column& label, const Column* names, TaskDraft& draft) {
  const std::vector<std::string> labels = ordered_labels(label);
  const auto is_truth = [&](const std::string& plain) {
    return label.written.at(plain) != plain && (plain == "0" || plain == "1") && label.numbers == 0;
  };
  const bool truth = labels.size() == 2 && std::all_of(labels.begin(), labels.end(), is_truth);
  std::map<std::string, std::string> name_of;
  if (names != nullptr)
    for (const JsonLine& row : table.rows) name_of[plain_label(row.text(label.name))] = row.text(names->name);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string written = label.written.at(labels[i]);
    std::string option = as_option(names != nullptr ? name_of.at(labels[i])
                                   : truth          ? (i == 0 ? "no" : "yes")
                                                    : written);
    const auto same = std::find(draft.options.begin(), draft.options.end(), option);
    if (same != draft.options.end())
      fail("{}: column '{}': the labels '{}' and '{}' differ only in blanks or '_'", table.file, label.name,
           written, labels[static_cast<std::size_t>(same - draft.options.begin())]);
    draft.options.push_back(std::move(option));
    draft.label_map.emplace_back(written, static_cast<int>(i));
  }
  draft.counts = label.counts;
  if (names == nullptr && label.numbers == label.rows)
    draft.notes.push_back(fmt::format(
        "the answer words are the numbers of '{}': words that mean something usually score better (options)",
        label.name));
  for (const auto& [plain, count] : label.counts)
    if (count < 3)
      draft.notes.push_back(fmt::format("label '{}' has {} row{}, only for training", label.written.at(plain),
                                        count, count == 1 ? "" : "s"));
}

void set_generation(const RowTable& table, const Column& label, TaskDraft& draft) {
  constexpr std::size_t bytes_per_token = 3, step = 16, most = 512;
  const std::size_t tokens = label.longest / bytes_per_token + 1;
  draft.max_new_tokens = std::min(most, (tokens + step - 1) / step * step);
  for (const char* stop : {"\n", "\n\n", "\n###\n"}) {
    draft.stop = stop;
    const bool inside = std::any_of(table.rows.begin(), table.rows.end(), [&](const JsonLine& row) {
      const std::vector<std::string> answers = row.texts(label.name);
      return std::any_of(answers.begin(), answers.end(),
                         [&](const std::string& answer) { return answer.find(stop) != std::string::npos; });
    });
    if (!inside) break;
  }
  draft.continuation = " {answer}" + draft.stop;
}

// Throws Error naming the first row without a label, and for a column with one label for all rows.
void check_label(const RowTable& table, const Column& label) {
  for (const JsonLine& row : table.rows) {
    const bool empty =
        !row.has(label.name) || row.at(label.name).is_object() ||
        (row.at(label.name).is_array() ? row.at(label.name).empty() : is_blank(row.text(label.name)));
    require(!empty, "{}: no label in column '{}'", row.location(), label.name);
  }
  require(label.any_lists > 0 || label.counts.size() >= 2, "{}: column '{}': all {} rows have the label '{}'",
          table.file, label.name, table.rows.size(),
          label.written.empty() ? "" : label.written.begin()->second);
}

// Rows of one of the shapes of free text that need no label: a plain text only where no other column is.
bool is_free_text(const RowTable& table, const InferOptions& options) {
  const std::optional<TextShape> shape = text_shape(table.columns);
  if (options.kind == Kind::text) {
    require(shape.has_value(),
            "{}: --kind text: its columns are {}: must be messages; prompt and completion; instruction and "
            "output; or "
            "text",
            table.file, detail::quoted_names(table.columns));
    return true;
  }
  if (options.kind || !options.label.empty() || !shape) return false;
  return shape != TextShape::plain || table.columns.size() == 1;
}

TaskDraft text_draft(const RowTable& table) {
  TaskDraft draft;
  draft.kind = Kind::text;
  draft.why = name_of(*text_shape(table.columns));
  return draft;
}

Kind infer_kind(const RowTable& table, const std::vector<Column>& columns, const Column& label,
                const InferOptions& options, TaskDraft& draft) {
  if (options.kind != Kind::choice && options.kind != Kind::generate &&
      detail::find_candidates(table, columns, draft))
    return Kind::candidates;
  require(
      options.kind != Kind::candidates,
      "{}: --kind choice: no column has lists of choices (choices, options, …), no columns have one choice "
      "each (option1, option2, …), or their labels are not those of '{}'; classes that are the same for "
      "all rows are --kind classification",
      table.file, label.name);
  if (options.kind != Kind::generate && detail::can_be_classes(label)) return Kind::choice;
  require(options.kind != Kind::choice,
          "{}: --kind classification: column '{}' has {}{} different values in {} rows: must have 2 to 100, "
          "short ones, each in two rows on average",
          table.file, label.name, label.many ? "more than " : "", label.counts.size(), table.rows.size());
  require(options.kind == Kind::generate || label.any_lists > 0 || label.numbers < label.rows,
          "{}: column '{}' has {}{} different numbers: numbers are not predicted; another column is named by "
          "--label, and as text they are generated with --kind generation",
          table.file, label.name, label.many ? "more than " : "", label.counts.size());
  return Kind::generate;
}

}  // namespace

TaskDraft infer_task(const RowTable& table, const InferOptions& options) {
  if (is_free_text(table, options)) return text_draft(table);
  require(table.columns.size() >= 2, "{}: has only the column {}: must have a text and a label", table.file,
          detail::quoted_names(table.columns));
  const std::vector<Column> columns = detail::columns_of(table);
  const auto [label, why] = detail::label_column(table, columns, options.label);
  check_label(table, *label);
  TaskDraft draft;
  draft.label_column = label->name;
  draft.why = why;
  draft.kind = infer_kind(table, columns, *label, options, draft);
  const Column* names = nullptr;
  if (draft.kind == Kind::choice) {
    if (label->numbers == label->rows)
      for (const Column& other : columns)
        if (names == nullptr && &other != label && other.numbers == 0 && detail::can_be_classes(other) &&
            gives_label(table, *label, other))
          names = &other;
    set_options(table, *label, names, draft);
  }
  set_prompt(table, columns, names, draft);
  if (draft.kind == Kind::candidates) draft.continuation = " {candidate}";
  if (draft.kind == Kind::generate) set_generation(table, *label, draft);
  return draft;
}

std::string class_of(const TaskDraft& draft, const JsonLine& row) {
  if (draft.kind == Kind::text) return "";
  require(row.has(draft.label_column), "{}: no label in column '{}'", row.location(), draft.label_column);
  return draft.kind == Kind::choice ? plain_label(row.text(draft.label_column)) : "";
}

}  // namespace zofo::data
