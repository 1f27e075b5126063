#include "zofo/data/row_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "text_forms.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/csv.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::data {

namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 32;

RowTable read_separated(const std::filesystem::path& path, char separator) {
  RowTable table{path.string(), {}, {}, {}};
  std::vector<parse::CsvRecord> records =
      parse::parse_csv(parse::read_file(path, most_bytes), table.file, separator);
  require(!records.empty(), "{}: empty, must have a header and rows", table.file);
  table.columns = records.front().fields;
  std::set<std::string> seen;
  for (const std::string& column : table.columns)
    require(seen.insert(column).second, "{}:{}: the column '{}' occurs twice", table.file,
            records.front().line, column);
  for (std::size_t i = 1; i < records.size(); ++i) {
    JsonLine row{nlohmann::json::object(), table.file, records[i].line};
    nlohmann::ordered_json ordered;
    for (std::size_t j = 0; j < table.columns.size(); ++j) {
      ordered[table.columns[j]] = records[i].fields[j];
      row.fields[table.columns[j]] = std::move(records[i].fields[j]);
    }
    try {
      table.json.push_back(ordered.dump());
    } catch (const nlohmann::json::exception&) {
      fail("{}: invalid UTF-8", row.location());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Adds the paths of all fields that are no objects.
void add_columns(const nlohmann::ordered_json& object, const std::string& prefix, RowTable& table,
                 std::set<std::string>& seen) {
  for (const auto& item : object.items()) {
    const std::string name = prefix + item.key();
    if (item.value().is_object())
      add_columns(item.value(), name + ".", table, seen);
    else if (seen.insert(name).second)
      table.columns.push_back(name);
  }
}

RowTable read_lines(const std::filesystem::path& path) {
  RowTable table{path.string(), {}, read_jsonl(path), {}};
  std::set<std::string> seen;
  std::string text = parse::read_file(path, most_bytes);
  std::size_t line = 1, next = 0;
  for (std::size_t from = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; next < table.rows.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (line == table.rows[next].line) {
      std::string row = text.substr(from, end - from);
      row.erase(row.find_last_not_of(" \t\r") + 1);
      // The order of the first row is the order of the columns; only what read_jsonl accepted gets here. A
      // number too large for a double was read as its digits, but is not one for this parser.
      nlohmann::ordered_json ordered = nlohmann::ordered_json::parse(row, nullptr, false);
      if (ordered.is_discarded()) ordered = table.rows[next].fields;
      add_columns(ordered, "", table, seen);
      table.json.push_back(std::move(row));
      ++next;
    }
    from = std::min(end + 1, text.size());
  }
  return table;
}

}  // namespace

RowTable read_rows(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = detail::ascii_lower(c);
  if (ending == ".csv") return read_separated(path, ',');
  if (ending == ".tsv") return read_separated(path, '\t');
  require(ending == ".jsonl" || ending == ".ndjson" || ending == ".json",
          "{}: must be CSV (.csv), tab-separated text (.tsv) or JSON Lines (.jsonl, .ndjson, .json)",
          path.string());
  return read_lines(path);
}

}  // namespace zofo::data
