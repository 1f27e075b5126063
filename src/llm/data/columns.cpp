#include "columns.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "text_forms.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/label_text.hpp"
#include "zofo/data/task_definition.hpp"

namespace zofo::data::detail {

namespace {

bool is_scalar(const nlohmann::json& value) { return value.is_primitive() && !value.is_null(); }

void count_value(Column& column, const std::string& text) {
  ++column.present;
  column.longest = std::max(column.longest, text.size());
  if (is_blank(text)) return;
  ++column.rows;
  if (number(text)) ++column.numbers;
  const std::string plain = plain_label(text);
  const auto found = column.counts.find(plain);
  if (found != column.counts.end()) return void(++found->second);
  if (column.counts.size() == most_counted) return void(column.many = true);
  column.counts[plain] = 1;
  column.written[plain] = text;
}

void count_list(Column& column, const nlohmann::json& list) {
  ++column.any_lists;
  if (list.empty() || !std::all_of(list.begin(), list.end(), is_scalar)) return;
  ++column.rows;
  if (list.size() >= 2) ++column.lists;
  for (const nlohmann::json& item : list)
    column.longest =
        std::max(column.longest, item.is_string() ? item.get_ref<const std::string&>().size() : 20);
}

}  // namespace

std::vector<Column> columns_of(const RowTable& table) {
  std::vector<Column> columns;
  for (const std::string& name : table.columns) {
    Column column{.name = name, .counts = {}, .written = {}};
    for (const JsonLine& row : table.rows) {
      if (!row.has(name)) continue;
      const nlohmann::json& value = row.at(name);
      if (value.is_array())
        count_list(column, value);
      else if (!value.is_object())
        count_value(column, row.text(name));
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string bare_name(std::string_view name) {
  std::string bare;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') bare += ascii_lower(c);
  return bare;
}

std::string title_of(std::string_view name) {
  std::string title;
  for (const char c : name.substr(name.rfind('.') + 1)) title += c == '_' || c == '.' ? ' ' : c;
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z')
    title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return title;
}

std::string quoted_names(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("'{}'", fmt::join(names, "', '"));
}

}  // namespace zofo::data::detail
