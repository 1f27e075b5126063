// Which columns have an example's own choices, and how its label means one of them.
#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string_view>

#include "infer_parts.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/label_text.hpp"

namespace zofo::data::detail {

namespace {

using Positions = std::vector<std::size_t>;

// Whether a column of lists is one of choices by its name.
bool has_name_of_choices(const std::string& name) {
  const std::string bare = bare_name(name);
  for (const char* each : {"choice", "option", "candidate", "ending", "alternative", "answer"})
    if (bare.find(each) != std::string::npos) return true;
  return false;
}

// The choices of every row and the row's label.
struct Choices {
  std::vector<std::vector<std::string>> texts;
  std::vector<std::string> labels;
};

// A way to read the labels: the position of every row's, if all rows have one.
struct Reading {
  std::string_view what;
  Positions positions;
  std::vector<std::pair<std::string, int>> label_map = {};
  bool by_answer = false;
};

using Read = std::function<std::optional<std::size_t>(std::size_t row)>;

std::optional<Positions> positions_by(const Choices& choices, const Read& read) {
  Positions positions;
  for (std::size_t row = 0; row < choices.labels.size(); ++row) {
    const std::optional<std::size_t> at = read(row);
    if (!at || *at >= choices.texts[row].size()) return {};
    positions.push_back(*at);
  }
  return positions;
}

std::optional<std::size_t> find_text(const std::vector<std::string>& texts, const std::string& text) {
  const auto found = std::find(texts.begin(), texts.end(), text);
  if (found == texts.end()) return {};
  return static_cast<std::size_t>(found - texts.begin());
}

std::size_t most_choices(const Choices& choices) {
  std::size_t most = 0;
  for (const auto& texts : choices.texts) most = std::max(most, texts.size());
  return most;
}

// The readings that fit all rows, those that agree once. `names` are other labels of the positions.
std::vector<Reading> readings(const Choices& choices, const std::vector<std::vector<std::string>>& names) {
  std::vector<Reading> fitting;
  const auto add = [&](Reading reading, const Read& read) {
    const std::optional<Positions> positions = positions_by(choices, read);
    if (!positions) return;
    reading.positions = *positions;
    for (const Reading& other : fitting)
      if (other.positions == reading.positions) return;
    fitting.push_back(std::move(reading));
  };
  add({"counted from 0, or letters", {}},
      [&](std::size_t row) { return position_of_label(choices.labels[row], choices.texts[row].size()); });
  Reading from_one{"counted from 1", {}};
  for (std::size_t i = 0; i < most_choices(choices); ++i)
    from_one.label_map.emplace_back(fmt::format("{}", i + 1), static_cast<int>(i));
  add(std::move(from_one), [&](std::size_t row) -> std::optional<std::size_t> {
    const std::string label = plain_label(choices.labels[row]);
    for (std::size_t i = 0; i < choices.texts[row].size(); ++i)
      if (label == fmt::format("{}", i + 1)) return i;
    return {};
  });
  for (const std::vector<std::string>& each : names) {
    Reading named{"names of the columns", {}};
    for (std::size_t i = 0; i < each.size(); ++i) named.label_map.emplace_back(each[i], static_cast<int>(i));
    add(std::move(named), [&](std::size_t row) { return find_text(each, choices.labels[row]); });
  }
  add({"the text of a choice", {}, {}, true},
      [&](std::size_t row) { return find_text(choices.texts[row], choices.labels[row]); });
  return fitting;
}

bool take_reading(const RowTable& table, const std::string& where, std::vector<Reading> fitting,
                  TaskDraft& draft) {
  if (fitting.empty()) return false;
  if (fitting.size() > 1) {
    std::vector<std::string_view> ways;
    for (const Reading& each : fitting) ways.push_back(each.what);
    fail(
        "{}: the labels of '{}' could mean the choices of {} in {} ways: {}; more rows, or other labels, "
        "would decide",
        table.file, draft.label_column, where, fitting.size(), fmt::join(ways, "; "));
  }
  draft.label_map = std::move(fitting.front().label_map);
  draft.by_answer = fitting.front().by_answer;
  return true;
}

// The labels of all rows; empty if a row has none.
std::vector<std::string> labels_of(const RowTable& table, const std::string& column) {
  std::vector<std::string> labels;
  for (const JsonLine& row : table.rows) {
    if (!row.has(column) || row.at(column).is_structured()) return {};
    labels.push_back(row.text(column));
  }
  return labels;
}

// A list with the labels of the lists of `column` in the same object, in every row of the same length.
std::string list_of_labels(const RowTable& table, const std::vector<Column>& columns,
                           const std::string& column, const std::vector<std::string>& labels) {
  const std::size_t dot = column.rfind('.');
  for (const Column& other : columns) {
    if (other.name == column || other.lists != table.rows.size() || other.name.rfind('.') != dot) continue;
    if (dot != std::string::npos && other.name.compare(0, dot, column, 0, dot) != 0) continue;
    bool fits = true;
    for (std::size_t i = 0; fits && i < table.rows.size(); ++i) {
      const std::vector<std::string> names = table.rows[i].texts(other.name);
      fits = names.size() == table.rows[i].texts(column).size() && find_text(names, labels[i]).has_value();
    }
    if (fits) return other.name;
  }
  return {};
}

// "option_2" as {"option", "2"}, "A" as {"", "A"}; nothing for names of other columns.
std::optional<std::pair<std::string, std::string>> stem_and_mark(const std::string& name) {
  static constexpr std::array<std::string_view, 11> stems{
      "", "option", "choice", "answer", "ending", "sol", "opt", "ans", "op", "candidate", "alternative"};
  const std::size_t dot = name.rfind('.');
  const std::string last = dot == std::string::npos ? name : name.substr(dot + 1);
  const std::string parent = dot == std::string::npos ? "" : name.substr(0, dot + 1);
  if (last.empty() || name.find_first_of("{}|") != std::string::npos) return {};
  const char mark = last.back();
  const bool digit = mark >= '0' && mark <= '9', capital = mark >= 'A' && mark <= 'H';
  const bool letter = capital || (mark >= 'a' && mark <= 'h');
  const std::string stem = bare_name(std::string_view(last).substr(0, last.size() - 1));
  const bool bare = stem.empty() && !capital;  // "a" and "b" are often two texts
  if ((!digit && !letter) || bare || std::ranges::find(stems, stem) == stems.end()) return {};
  return std::pair{parent + stem + (digit ? "#" : "@"), std::string(1, mark)};
}

// Columns with one choice each, in the order of their marks.
std::vector<std::vector<std::string>> groups_of(const std::vector<Column>& columns, std::size_t rows,
                                                const std::string& label) {
  std::map<std::string, std::map<std::string, std::string>> by_stem;
  for (const Column& column : columns)
    if (column.name != label && column.rows == rows && column.any_lists == 0)
      if (const auto parts = stem_and_mark(column.name)) by_stem[parts->first][parts->second] = column.name;
  std::vector<std::vector<std::string>> groups;
  for (const auto& [stem, members] : by_stem) {
    std::vector<std::string> group;
    for (const auto& member : members) group.push_back(member.second);
    if (group.size() >= (stem == "@" ? 3 : 2)) groups.push_back(std::move(group));
  }
  return groups;
}

bool take_lists(const RowTable& table, const std::vector<Column>& columns,
                const std::vector<std::string>& labels, TaskDraft& draft) {
  for (const Column& column : columns) {
    if (column.lists != table.rows.size() || column.name == draft.label_column ||
        !has_name_of_choices(column.name))
      continue;
    Choices choices{{}, labels};
    for (const JsonLine& row : table.rows) choices.texts.push_back(row.texts(column.name));
    draft.labels_field = list_of_labels(table, columns, column.name, labels);
    if (draft.labels_field.empty() &&
        !take_reading(table, fmt::format("'{}'", column.name), readings(choices, {}), draft))
      continue;
    draft.candidates_field = column.name;
    return true;
  }
  return false;
}

bool take_groups(const RowTable& table, const std::vector<Column>& columns,
                 const std::vector<std::string>& labels, TaskDraft& draft) {
  for (std::vector<std::string>& group : groups_of(columns, table.rows.size(), draft.label_column)) {
    Choices choices{{}, labels};
    for (const JsonLine& row : table.rows) {
      std::vector<std::string>& texts = choices.texts.emplace_back();
      for (const std::string& name : group) texts.push_back(row.text(name));
    }
    std::vector<std::string> marks;
    for (const std::string& name : group) marks.push_back(name.substr(name.size() - 1));
    if (!take_reading(table, quoted_names(group), readings(choices, {group, marks}), draft)) continue;
    draft.candidates = std::move(group);
    return true;
  }
  return false;
}

}  // namespace

bool find_candidates(const RowTable& table, const std::vector<Column>& columns, TaskDraft& draft) {
  const std::vector<std::string> labels = labels_of(table, draft.label_column);
  if (labels.empty()) return false;
  return take_lists(table, columns, labels, draft) || take_groups(table, columns, labels, draft);
}

}  // namespace zofo::data::detail
