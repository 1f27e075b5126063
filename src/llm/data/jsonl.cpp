#include "zofo/data/jsonl.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <system_error>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::data {

namespace {

std::string keys_of(const nlohmann::json& object) {
  std::string names;
  for (const auto& item : object.items()) names += (names.empty() ? "'" : ", '") + item.key() + "'";
  return names.empty() ? "none" : names;
}

bool is_text(const nlohmann::json& value) {
  return value.is_string() || value.is_number() || value.is_boolean();
}

std::string text_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Where a path leads: its value, or the last value on the way and the length of the path up to it.
struct Found {
  const nlohmann::json* value = nullptr;
  const nlohmann::json* last = nullptr;
  std::size_t depth = 0;
};

// The entry of a list, or the field of an object; null if there is none.
const nlohmann::json* entry(const nlohmann::json& from, std::string_view name) {
  if (from.is_object()) {
    const auto found = from.find(name);
    return found == from.end() ? nullptr : &*found;
  }
  std::size_t index = 0;
  const char* const begin = name.data();
  const char* const end = begin + name.size();
  const auto [stop, error] = std::from_chars(begin, end, index);
  const bool whole = error == std::errc() && stop == end && !name.empty();
  return from.is_array() && whole && index < from.size() ? &from[index] : nullptr;
}

Found find(const nlohmann::json& fields, std::string_view path) {
  if (const nlohmann::json* named = entry(fields, path)) return {named, named, path.size()};
  Found found{nullptr, &fields, 0};
  bool first = true;
  for (std::size_t at = 0; at < path.size(); first = false) {
    const bool bracket = !first && path[at] == '[';
    const std::size_t from = first ? 0 : at + 1;
    const std::size_t end = std::min(path.find_first_of(bracket ? "]" : ".[", from), path.size());
    if (bracket && (end == path.size() || !found.last->is_array())) return found;
    const nlohmann::json* next = entry(*found.last, path.substr(from, end - from));
    if (next == nullptr) return found;
    at = end + (bracket ? 1 : 0);
    if (bracket && at < path.size() && path[at] != '.' && path[at] != '[') return found;
    found = {nullptr, next, at};
  }
  if (!path.empty()) found.value = found.last;
  return found;
}

// Whether the digits of an integer, without its sign, fit into 64 bits.
bool fits(std::string_view digits, bool negative) {
  const std::string_view most = negative ? "9223372036854775808" : "18446744073709551615";
  return digits.size() < most.size() || (digits.size() == most.size() && digits <= most);
}

// The line with quotes around the integers of more than 64 bits, which the JSON library would round. A key
// without quotes stays the error that it is.
std::string with_long_integers_quoted(const std::string& text) {
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view number = "+-.0123456789Ee";
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else if (number.find(text[at]) != std::string_view::npos) {
      end = std::min(text.find_first_not_of(number, at), text.size());
    }
    const std::string_view token = std::string_view(text).substr(at, end - at);
    const bool negative = token.starts_with('-');
    const std::string_view whole = token.substr(negative ? 1 : 0);
    const std::size_t next = text.find_first_not_of(" \t\r", end);
    const bool quoted = !whole.empty() && whole.front() != '0' &&
                        whole.find_first_not_of(digits) == std::string_view::npos && !fits(whole, negative) &&
                        (next == std::string::npos || text[next] != ':');
    result.append(quoted ? "\"" : "").append(token).append(quoted ? "\"" : "");
    at = end;
  }
  return result;
}

// Whether a text has a run of so many digits that an integer may need more than 64 bits.
bool has_long_run(const std::string& text) {
  constexpr std::size_t shortest = 19;
  std::size_t run = 0;
  for (const char c : text)
    if ((run = c >= '0' && c <= '9' ? run + 1 : 0) == shortest) return true;
  return false;
}

}  // namespace

nlohmann::ordered_json JsonLine::ordered() const {
  if (source.empty()) return nlohmann::ordered_json::parse(parse::json_text(fields));
  return parse::with_path(location(), [&] { return parse::parse_ordered_json(source); });
}

std::string JsonLine::location() const { return fmt::format("{}:{}", file, line); }

const nlohmann::json& JsonLine::at(std::string_view path) const {
  const Found found = find(fields, path);
  if (found.value != nullptr) return *found.value;
  const std::string_view before = path.substr(0, found.depth);
  if (before.empty()) fail("{}: no field '{}'; its fields are {}", location(), path, field_names());
  if (found.last->is_array())
    fail("{}: no entry '{}': '{}' is a list of {} entries, counted from 0", location(), path, before,
         found.last->size());
  if (found.last->is_object())
    fail("{}: no field '{}': '{}' has the fields {}", location(), path, before, keys_of(*found.last));
  fail("{}: no field '{}': '{}' is {}, neither an object nor a list", location(), path, before,
       found.last->type_name());
}

bool JsonLine::has(std::string_view path) const {
  const nlohmann::json* value = find(fields, path).value;
  return value != nullptr && !value->is_null();
}

std::string JsonLine::text(std::string_view path) const {
  const nlohmann::json& value = at(path);
  if (is_text(value)) return text_of(value);
  if (value.is_array())
    fail("{}: field '{}' is a list of {} entries: name one of them, as in '{}[0]'", location(), path,
         value.size(), path);
  if (value.is_object())
    fail("{}: field '{}' is an object: name a field in it, as in '{}.NAME'; these are {}", location(), path,
         path, keys_of(value));
  fail("{}: field '{}' is {}: must be a string, a number or a boolean", location(), path, value.type_name());
}

std::vector<std::string> JsonLine::texts(std::string_view path) const {
  const nlohmann::json& value = at(path);
  std::vector<std::string> result;
  const auto add = [&](const nlohmann::json& item) {
    require(is_text(item), "{}: field '{}' holds {}: must hold strings, numbers or booleans", location(),
            path, item.type_name());
    result.push_back(text_of(item));
  };
  if (value.is_array())
    for (const nlohmann::json& item : value) add(item);
  else
    add(value);
  return result;
}

std::string JsonLine::field_names() const { return keys_of(fields); }

JsonLine parse_json_line(const std::string& text, const std::string& file, std::size_t line) {
  JsonLine parsed{nullptr, file, line};
  parsed.fields = parse::with_path(parsed.location(), [&] {
    return parse::parse_json(has_long_run(text) ? with_long_integers_quoted(text) : text);
  });
  require(parsed.fields.is_object(), "{}: must be a JSON object, is {}", parsed.location(),
          parsed.fields.type_name());
  if (text.find("\"role\"") != std::string::npos) parsed.source = text;
  return parsed;
}

void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(JsonLine&&, std::string&)>& take) {
  const std::string file = path.string();
  require(std::filesystem::exists(path), "{}: no such file", file);
  require(!std::filesystem::is_directory(path), "{}: is a folder, must be a JSON Lines file", file);
  std::ifstream input(path, std::ios::binary);
  require(input.is_open(), "{}: cannot be opened", file);

  bool some = false;
  std::string text;
  for (std::size_t line = 1; std::getline(input, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    some = true;
    take(parse_json_line(text, file, line), text);
  }
  require(!input.bad(), "{}: reading failed", file);
  require(some, "{}: empty, must have at least one line", file);
}

std::vector<JsonLine> read_jsonl(const std::filesystem::path& path) {
  std::vector<JsonLine> lines;
  for_each_json_line(path, [&](JsonLine&& line, std::string&) { lines.push_back(std::move(line)); });
  return lines;
}

}  // namespace zofo::data
