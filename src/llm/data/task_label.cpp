// Which answer choice or candidate the label of a line means.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/label_text.hpp"
#include "zofo/data/task_definition.hpp"

namespace zofo::data {

namespace {

// The position of a label among the labels of the line's candidates.
int position_in_list(const Task& task, const JsonLine& line, const std::string& field,
                     const std::string& text, std::size_t count) {
  const std::vector<std::string> labels = line.texts(task.labels_field);
  require(labels.size() == count, "{}: field '{}' has {} labels for the {} candidates of '{}'",
          line.location(), task.labels_field, labels.size(), count, task.candidates_field);
  const auto is_label = [&](bool exact) {
    return [&, exact](const std::string& each) {
      return exact ? each == text : plain_label(each) == plain_label(text);
    };
  };
  auto found = std::find_if(labels.begin(), labels.end(), is_label(true));
  if (found == labels.end()) found = std::find_if(labels.begin(), labels.end(), is_label(false));
  require(found != labels.end(), "{}: label '{}' (field '{}'): must be one of '{}' (field '{}')",
          line.location(), text, field, fmt::join(labels, "', '"), task.labels_field);
  return static_cast<int>(found - labels.begin());
}

int label_in(const Task& task, const JsonLine& line, const std::string& field) {
  const std::string text = line.text(field);
  const bool listed = !task.candidates_field.empty();
  const std::size_t count = listed ? line.texts(task.candidates_field).size() : task.candidates.size();
  if (!task.labels_field.empty()) return position_in_list(task, line, field, text, count);
  if (!task.label_map.empty()) {
    const std::optional<int> found = find_label(task.label_map, text);
    require(found.has_value(), "{}: label '{}' (field '{}'): must be one of {}", line.location(), text, field,
            label_list(task.label_map));
    require(!listed || static_cast<std::size_t>(*found) < count,
            "{}: label '{}' (field '{}') means candidate {}, counted from 0: '{}' has {}", line.location(),
            text, field, *found, task.candidates_field, count);
    return *found;
  }
  const std::optional<std::size_t> position = position_of_label(text, count);
  require(position.has_value(),
          "{}: label '{}' (field '{}'): must be the position of a candidate: 0 to {}, or a letter from A",
          line.location(), text, field, count - 1);
  return static_cast<int>(*position);
}

int one_hot_label(const Task& task, const JsonLine& line) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < task.one_hot_fields.size(); ++i) {
    const std::string& field = task.one_hot_fields[i];
    const std::string text = line.text(field), plain = plain_label(text);
    require(plain == "0" || plain == "1", "{}: field '{}' is '{}': must be 0 or 1, false or true",
            line.location(), field, text);
    if (plain == "0") continue;
    require(!found, "{}: both '{}' and '{}' are 1: exactly one of one_hot_fields must be", line.location(),
            task.one_hot_fields[found.value_or(0)], field);
    found = i;
  }
  require(found.has_value(), "{}: none of {} is 1: exactly one must be", line.location(),
          fmt::format("'{}'", fmt::join(task.one_hot_fields, "', '")));
  return static_cast<int>(*found);
}

}  // namespace

int Task::label(const JsonLine& line) const {
  if (!one_hot_fields.empty()) return one_hot_label(*this, line);
  if (more_label_fields.empty()) return label_in(*this, line, label_field);
  std::vector<std::string> fields{label_field};
  fields.insert(fields.end(), more_label_fields.begin(), more_label_fields.end());
  std::optional<int> found;
  std::string first;
  for (const std::string& field : fields) {
    if (!line.has(field) || is_blank(line.text(field))) continue;  // CSV has "" for what is missing
    const int index = label_in(*this, line, field);
    require(!found || *found == index, "{}: the labels of '{}' and '{}' differ: '{}' and '{}'",
            line.location(), first, field, line.text(first.empty() ? field : first), line.text(field));
    if (!found) first = field;
    found = index;
  }
  require(found.has_value(), "{}: no label in any of the fields '{}'; its fields are {}", line.location(),
          fmt::join(fields, "', '"), line.field_names());
  return *found;
}

}  // namespace zofo::data
