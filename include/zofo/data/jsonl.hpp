/// @file Rows of a JSON Lines file, each knowing the file and line it came from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::data {

/// One JSON object of a file, and the place that error messages name.
struct JsonLine {
  nlohmann::json fields;  ///< always an object
  std::string file;
  std::size_t line = 0;  ///< counted from 1

  /// "file:line", the head of every message about this row.
  std::string location() const { return fmt::format("{}:{}", file, line); }

  /// The value of field `name`. Error when it is missing: names the field, the place and the fields there.
  const nlohmann::json& at(const std::string& name) const {
    const auto found = fields.find(name);
    if (found == fields.end()) fail("{}: no field '{}'; fields there: {}", location(), name, field_names());
    return *found;
  }

  /// Field `name` as text: strings as they are, numbers and booleans as JSON writes them. Error for null,
  /// arrays and objects.
  std::string text(const std::string& name) const {
    const nlohmann::json& value = at(name);
    if (value.is_string()) return value.get<std::string>();
    require(value.is_number() || value.is_boolean(),
            "{}: field '{}' is {}: must be a string, a number or a boolean", location(), name,
            value.type_name());
    return value.dump();
  }

  /// Field `path` as a list of texts: an array of strings, numbers and booleans, or one of them alone. The
  /// path goes into objects at its dots ("answers.text"). Error for anything else.
  std::vector<std::string> texts(const std::string& path) const {
    const nlohmann::json& value = inside(path);
    std::vector<std::string> result;
    const auto add = [&](const nlohmann::json& item) {
      require(item.is_string() || item.is_number() || item.is_boolean(),
              "{}: field '{}' holds {}: must hold strings, numbers or booleans", location(), path,
              item.type_name());
      result.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    };
    if (value.is_array())
      for (const nlohmann::json& item : value) add(item);
    else
      add(value);
    return result;
  }

  /// The names of the fields, quoted and separated by commas.
  std::string field_names() const {
    std::string names;
    for (const auto& item : fields.items()) names += (names.empty() ? "'" : ", '") + item.key() + "'";
    return names.empty() ? "none" : names;
  }

 private:
  const nlohmann::json& inside(const std::string& path) const {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const nlohmann::json* value = &at(path.substr(0, dot));
    for (std::size_t from = dot; from < path.size();) {
      const std::size_t end = std::min(path.find('.', from + 1), path.size());
      const std::string name = path.substr(from + 1, end - from - 1);
      require(value->is_object() && value->contains(name), "{}: no field '{}' in '{}'", location(), name,
              path.substr(0, from));
      value = &value->at(name);
      from = end;
    }
    return *value;
  }
};

/// Parses one line into a row. Throws Error "file:line: ..." unless it is a JSON object in UTF-8.
inline JsonLine parse_json_line(const std::string& text, const std::string& file, std::size_t line) {
  JsonLine row{nullptr, file, line};
  row.fields = parse::with_path(row.location(), [&] { return parse::parse_json(text); });
  require(row.fields.is_object(), "{}: must be a JSON object, is {}", row.location(), row.fields.type_name());
  return row;
}

/// All rows of a JSON Lines file, in order; blank lines are skipped, but counted. Error "file:line: ..." for
/// a line that is no JSON object in UTF-8; Error when the file cannot be read or has no rows.
inline std::vector<JsonLine> read_jsonl(const std::filesystem::path& path) {
  const std::string file = path.string();
  require(std::filesystem::exists(path), "{}: no such file", file);
  require(!std::filesystem::is_directory(path), "{}: is a folder, must be a JSON Lines file", file);
  std::ifstream input(path, std::ios::binary);
  require(input.is_open(), "{}: cannot be opened", file);

  std::vector<JsonLine> rows;
  std::string text;
  for (std::size_t line = 1; std::getline(input, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    rows.push_back(parse_json_line(text, file, line));
  }
  require(!input.bad(), "{}: reading failed", file);
  require(!rows.empty(), "{}: empty, must have at least one row", file);
  return rows;
}

}  // namespace zofo::data
