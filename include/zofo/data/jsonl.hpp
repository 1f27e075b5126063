/// @file Lines of a JSON Lines file, each with its file and line number.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::data {

/// One JSON object of a file, and its location for error messages.
struct JsonLine {
  nlohmann::json fields;  ///< always an object
  std::string file;       ///< the file's name
  std::size_t line = 0;   ///< counted from 1
  std::string source =
      {};  ///< the line as the file has it, if it has a conversation (a key "role"); else empty

  /// The fields with their keys in the order of the file, where the line has a conversation; else sorted.
  [[nodiscard]] nlohmann::ordered_json ordered() const;

  /// "file:line", the start of every message about this line.
  [[nodiscard]] std::string location() const;

  /// The value at `path`: a field's name, or a path into objects and lists. A dot enters an object
  /// ("answers.text"); `[2]` or `.2` enters a list, counted from 0 ("choices[2]"). A field whose name is the
  /// whole path comes first. Throws Error naming the path, the location and what is there instead.
  [[nodiscard]] const nlohmann::json& at(std::string_view path) const;

  /// Whether at(path) would return a value other than null.
  [[nodiscard]] bool has(std::string_view path) const;

  /// The value at `path` as text: a string itself; a number or a boolean as JSON writes it. Throws Error for
  /// null, lists and objects.
  [[nodiscard]] std::string text(std::string_view path) const;

  /// The value at `path` as a list of texts: a list of strings, numbers and booleans, or a single one of
  /// them. Throws Error for anything else.
  [[nodiscard]] std::vector<std::string> texts(std::string_view path) const;

  /// The names of the fields, quoted and separated by commas.
  [[nodiscard]] std::string field_names() const;
};

/// Parses one line. An integer that needs more than 64 bits becomes the string of its digits. Throws Error
/// "file:line: ..." unless it is a JSON object in UTF-8.
JsonLine parse_json_line(const std::string& text, const std::string& file, std::size_t line);

/// Calls take(line, text) for each line of a JSON Lines file, in order; `text` is the line as the file has
/// it, and may be changed. Blank lines are skipped, but counted. Throws Error as read_jsonl.
void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(JsonLine&&, std::string&)>& take);

/// All lines of a JSON Lines file, in order. Blank lines are skipped, but counted. Throws Error
/// "file:line: ..." for a line that is not a JSON object in UTF-8, and Error naming the file when it cannot
/// be read or has no objects.
std::vector<JsonLine> read_jsonl(const std::filesystem::path& path);

}  // namespace zofo::data
