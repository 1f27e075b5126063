/// @file Lines of a JSON Lines file, each with its file and line number.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace zofo::data {

/// One JSON object of a file, and its location for error messages.
struct JsonLine {
  nlohmann::json fields;  ///< always an object
  std::string file;       ///< the file's name
  std::size_t line = 0;   ///< counted from 1

  /// "file:line", the start of every message about this line.
  [[nodiscard]] std::string location() const;

  /// The value of field `name`. Throws Error naming the field, the location and the existing fields when it
  /// is missing.
  [[nodiscard]] const nlohmann::json& at(const std::string& name) const;

  /// Field `name` as text: a string itself; a number or a boolean as JSON writes it. Throws Error for null,
  /// arrays and objects.
  [[nodiscard]] std::string text(const std::string& name) const;

  /// Field `path` as a list of texts: an array of strings, numbers and booleans, or a single one of them. A
  /// dot of the path enters an object ("answers.text"). Throws Error for anything else.
  [[nodiscard]] std::vector<std::string> texts(const std::string& path) const;

  /// The names of the fields, quoted and separated by commas.
  [[nodiscard]] std::string field_names() const;

 private:
  [[nodiscard]] const nlohmann::json& inside(const std::string& path) const;
};

/// Parses one line. Throws Error "file:line: ..." unless it is a JSON object in UTF-8.
JsonLine parse_json_line(const std::string& text, const std::string& file, std::size_t line);

/// All lines of a JSON Lines file, in order. Blank lines are skipped, but counted. Throws Error
/// "file:line: ..." for a line that is not a JSON object in UTF-8, and Error naming the file when it cannot
/// be read or has no objects.
std::vector<JsonLine> read_jsonl(const std::filesystem::path& path);

}  // namespace zofo::data
