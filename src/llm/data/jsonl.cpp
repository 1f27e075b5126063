#include "zofo/data/jsonl.hpp"

#include <algorithm>
#include <fstream>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::data {

std::string JsonLine::location() const { return fmt::format("{}:{}", file, line); }

const nlohmann::json& JsonLine::at(const std::string& name) const {
  const auto found = fields.find(name);
  if (found == fields.end()) fail("{}: no field '{}'; its fields are {}", location(), name, field_names());
  return *found;
}

std::string JsonLine::text(const std::string& name) const {
  const nlohmann::json& value = at(name);
  if (value.is_string()) return value.get<std::string>();
  require(value.is_number() || value.is_boolean(),
          "{}: field '{}' is {}: must be a string, a number or a boolean", location(), name,
          value.type_name());
  return value.dump();
}

std::vector<std::string> JsonLine::texts(const std::string& path) const {
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

std::string JsonLine::field_names() const {
  std::string names;
  for (const auto& item : fields.items()) names += (names.empty() ? "'" : ", '") + item.key() + "'";
  return names.empty() ? "none" : names;
}

// The value of a field, or of a field inside an object.
const nlohmann::json& JsonLine::inside(const std::string& path) const {
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

JsonLine parse_json_line(const std::string& text, const std::string& file, std::size_t line) {
  JsonLine parsed{nullptr, file, line};
  parsed.fields = parse::with_path(parsed.location(), [&] { return parse::parse_json(text); });
  require(parsed.fields.is_object(), "{}: must be a JSON object, is {}", parsed.location(),
          parsed.fields.type_name());
  return parsed;
}

std::vector<JsonLine> read_jsonl(const std::filesystem::path& path) {
  const std::string file = path.string();
  require(std::filesystem::exists(path), "{}: no such file", file);
  require(!std::filesystem::is_directory(path), "{}: is a folder, must be a JSON Lines file", file);
  std::ifstream input(path, std::ios::binary);
  require(input.is_open(), "{}: cannot be opened", file);

  std::vector<JsonLine> lines;
  std::string text;
  for (std::size_t line = 1; std::getline(input, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    lines.push_back(parse_json_line(text, file, line));
  }
  require(!input.bad(), "{}: reading failed", file);
  require(!lines.empty(), "{}: empty, must have at least one line", file);
  return lines;
}

}  // namespace zofo::data
