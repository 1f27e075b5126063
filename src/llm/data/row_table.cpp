#include "zofo/data/row_table.hpp"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "row_lines.hpp"
#include "text_forms.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/csv.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::data {

namespace {

// The file's text. Throws Error as read_jsonl does for what is no file.
std::string text_of(const std::filesystem::path& path) {
  require(std::filesystem::exists(path), "{}: no such file", path.string());
  require(!std::filesystem::is_directory(path), "{}: is a folder, must be a file of rows", path.string());
  return parse::read_file(path, detail::most_bytes);
}

// Calls row(line, fields) for each record behind the header; returns the header.
template <class Row>
std::vector<std::string> read_separated(std::string_view text, const std::string& name, RowFormat format,
                                        Row&& row) {
  parse::CsvReader reader(text, name, detail::separator(format));
  parse::CsvRecord record;
  require(reader.next(record), "{}: empty, must have a header and rows", name);
  std::vector<std::string> columns = detail::column_names(record, name);
  while (reader.next(record)) row(detail::row_of(columns, record, name), record.fields);
  return columns;
}

RowTable read_separated_table(const std::filesystem::path& path, RowFormat format) {
  RowTable table{path.string(), {}, {}, {}};
  std::vector<std::vector<std::string>> fields;
  table.columns =
      read_separated(text_of(path), table.file, format, [&](JsonLine line, std::vector<std::string>& values) {
        table.rows.push_back(std::move(line));
        fields.push_back(std::move(values));
      });
  for (std::vector<std::string>& values : fields) {
    nlohmann::ordered_json ordered = nlohmann::ordered_json::object();
    for (std::size_t i = 0; i < values.size(); ++i) ordered[table.columns[i]] = std::move(values[i]);
    table.json.push_back(ordered.dump());
  }
  return table;
}

// Adds the paths of all fields that are no objects.
template <class Json, class Add>
void for_each_path(const Json& object, const std::string& prefix, Add&& add) {
  for (const auto& item : object.items()) {
    const std::string name = prefix + item.key();
    if (item.value().is_object())
      for_each_path(item.value(), name + ".", add);
    else
      add(name);
  }
}

RowTable read_lines(const std::filesystem::path& path) {
  RowTable table{path.string(), {}, {}, {}};
  std::set<std::string> seen;
  for_each_json_line(path, [&](JsonLine&& line, std::string& text) {
    if (line.line == 1 && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    text.erase(text.find_last_not_of(" \t\r") + 1);
    bool all_seen = true;
    for_each_path(line.fields, "",
                  [&](const std::string& name) { all_seen = all_seen && seen.contains(name); });
    if (!all_seen) {
      // The parsed fields are sorted; the line's own order is the order of the columns. A number too large
      // for a double was read as its digits, but is not one for this parser.
      nlohmann::ordered_json ordered = nlohmann::ordered_json::parse(text, nullptr, false);
      if (ordered.is_discarded()) ordered = line.fields;
      for_each_path(ordered, "", [&](const std::string& name) {
        if (seen.insert(name).second) table.columns.push_back(name);
      });
    }
    table.json.push_back(std::move(text));
    table.rows.push_back(std::move(line));
  });
  return table;
}

}  // namespace

namespace detail {

std::vector<std::string> column_names(const parse::CsvRecord& header, const std::string& file) {
  std::set<std::string> seen;
  for (const std::string& name : header.fields)
    require(name.empty() || seen.insert(name).second, "{}:{}: the column '{}' occurs twice", file,
            header.line, name);
  std::vector<std::string> names = header.fields;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    const std::string name = fmt::format("Unnamed: {}", i);
    names[i] = name;
    for (std::size_t more = 1; !seen.insert(names[i]).second; ++more)
      names[i] = fmt::format("{}.{}", name, more);
  }
  return names;
}

JsonLine row_of(const std::vector<std::string>& columns, const parse::CsvRecord& record,
                const std::string& file) {
  JsonLine row{nlohmann::json::object(), file, record.line};
  for (std::size_t i = 0; i < columns.size(); ++i) row.fields[columns[i]] = record.fields[i];
  try {
    (void)row.fields.dump();  // the only check of UTF-8
  } catch (const nlohmann::json::exception&) {
    fail("{}: invalid UTF-8", row.location());
  }
  return row;
}

}  // namespace detail

RowFormat row_format(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = detail::ascii_lower(c);
  for (const auto& [each, format] : row_endings)
    if (each == ending) return format;
  fail("{}: must be CSV (.csv), tab-separated text (.tsv) or JSON Lines (.jsonl, .ndjson, .json)",
       path.string());
}

RowTable read_rows(const std::filesystem::path& path) {
  const RowFormat format = row_format(path);
  return format == RowFormat::json_lines ? read_lines(path) : read_separated_table(path, format);
}

std::vector<JsonLine> read_row_lines(const std::filesystem::path& path) {
  const RowFormat format = row_format(path);
  if (format == RowFormat::json_lines) return read_jsonl(path);
  std::vector<JsonLine> rows;
  read_separated(text_of(path), path.string(), format,
                 [&](JsonLine line, std::vector<std::string>&) { rows.push_back(std::move(line)); });
  require(!rows.empty(), "{}: a header but no rows", path.string());
  return rows;
}

}  // namespace zofo::data
