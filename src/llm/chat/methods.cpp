#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "llm/chat/builtins.hpp"
#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// The names of Python's methods.
constexpr std::array<std::string_view, 47> text_methods{
    "capitalize", "casefold",     "center",       "count",   "encode",     "endswith",    "expandtabs",
    "find",       "format",       "format_map",   "index",   "isalnum",    "isalpha",     "isascii",
    "isdecimal",  "isdigit",      "isidentifier", "islower", "isnumeric",  "isprintable", "isspace",
    "istitle",    "isupper",      "join",         "ljust",   "lower",      "lstrip",      "maketrans",
    "partition",  "removeprefix", "removesuffix", "replace", "rfind",      "rindex",      "rjust",
    "rpartition", "rsplit",       "rstrip",       "split",   "splitlines", "startswith",  "strip",
    "swapcase",   "title",        "translate",    "upper",   "zfill"};
constexpr std::array<std::string_view, 11> list_methods{
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"};
constexpr std::array<std::string_view, 11> mapping_methods{
    "clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"};
constexpr std::array<std::string_view, 13> changing_methods{
    "append", "clear",   "extend",     "insert", "pop",     "remove", "reverse",
    "sort",   "popitem", "setdefault", "update", "discard", "add"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Value text_list(const std::vector<std::string>& parts, Runtime& runtime) {
  std::vector<Value> values;
  for (const std::string& each : parts) values.push_back(runtime.text(each));
  return runtime.list(std::move(values));
}

std::size_t count_of(const Value* value) {
  const std::int64_t count = value == nullptr ? -1 : integer_of(*value, "a count");
  return count < 0 ? no_limit : static_cast<std::size_t>(count);
}

// strip, lstrip and rstrip.
Value strip(const std::string& text, Arguments& arguments, bool left, bool right, Runtime& runtime) {
  const Value* given = arguments.find(0, "chars");
  std::optional<std::u32string> characters;
  if (given != nullptr && !given->none())
    characters = code_points(text_of_value(*given, "the argument of strip"));
  if (characters) runtime.charge(characters->size());
  runtime.charge(text.size() / 8 * (characters ? characters->size() + 1 : 1));
  return runtime.text(std::string(stripped(text, characters, left, right)));
}

// split and rsplit.
Value split_text(const std::string& text, Arguments& arguments, bool from_right, Runtime& runtime) {
  const Value* given = arguments.find(0, "sep");
  std::optional<std::string> separator;
  if (given != nullptr && !given->none()) separator = text_of_value(*given, "the separator of split");
  require(!separator || !separator->empty(), "empty separator");
  runtime.charge(text.size());
  return text_list(split(text, separator, count_of(arguments.find(1, "maxsplit")), from_right), runtime);
}

// startswith and endswith: one text, or a tuple of several.
Value at_an_end(const std::string& text, Arguments& arguments, bool at_start, Runtime& runtime) {
  const Value& given = arguments.at(0, "prefix");
  std::vector<Value> parts{given};
  if (const Sequence* tuple = given.sequence(); tuple != nullptr && tuple->form == Sequence::Form::tuple)
    parts = values_of(given, runtime);
  for (const Value& each : parts) {
    const std::string& part = text_of_value(each, "the argument of startswith or endswith");
    if (at_start ? text.starts_with(part) : text.ends_with(part)) return true;
  }
  return false;
}

// The place in code points; −1 where there is none.
Value place(const std::string& text, Arguments& arguments, bool last) {
  const std::string& part = text_of_value(arguments.at(0, "sub"), "the argument of find");
  const std::size_t at = last ? text.rfind(part) : text.find(part);
  if (at == std::string::npos) return std::int64_t{-1};
  return static_cast<std::int64_t>(length_of(std::string_view(text).substr(0, at)));
}

Value partition(const std::string& text, Arguments& arguments, bool last, Runtime& runtime) {
  const std::string& mark = text_of_value(arguments.at(0, "sep"), "the separator of partition");
  require(!mark.empty(), "empty separator");
  const std::size_t at = last ? text.rfind(mark) : text.find(mark);
  std::vector<Value> parts{Value(""), Value(""), Value("")};
  parts[last ? 2 : 0] = runtime.text(text);
  if (at != std::string::npos)
    parts = {runtime.text(text.substr(0, at)), Value(mark), runtime.text(text.substr(at + mark.size()))};
  return runtime.list(std::move(parts), Sequence::Form::tuple);
}

Value joined(const std::string& text, Arguments& arguments, Runtime& runtime) {
  std::string result;
  bool first = true;
  for (const Value& each : values_of(arguments.at(0, "iterable"), runtime)) {
    if (!std::exchange(first, false)) result += text;
    result += text_of_value(each, "an element of join");
    runtime.charge(1 + (text.size() + each.text()->size()) / 8);
  }
  return runtime.text(std::move(result));
}

// Whether the text has characters, all of which fit.
template <class Fits>
bool all(const std::string& text, Fits&& fits) {
  return !text.empty() && std::ranges::all_of(code_points(text), fits);
}

// islower and isupper: cased characters, all of one case.
bool is_cased(const std::string& text, bool lower_case) {
  return lower(text) != upper(text) && text == (lower_case ? lower(text) : upper(text));
}

Value text_method(const std::string& text, const std::string& name, Arguments& arguments, Runtime& runtime) {
  runtime.charge(text.size() / 8);
  if (name == "strip") return strip(text, arguments, true, true, runtime);
  if (name == "lstrip") return strip(text, arguments, true, false, runtime);
  if (name == "rstrip") return strip(text, arguments, false, true, runtime);
  if (name == "split") return split_text(text, arguments, false, runtime);
  if (name == "rsplit") return split_text(text, arguments, true, runtime);
  if (name == "startswith") return at_an_end(text, arguments, true, runtime);
  if (name == "endswith") return at_an_end(text, arguments, false, runtime);
  if (name == "find") return place(text, arguments, false);
  if (name == "rfind") return place(text, arguments, true);
  if (name == "partition") return partition(text, arguments, false, runtime);
  if (name == "rpartition") return partition(text, arguments, true, runtime);
  if (name == "join") return joined(text, arguments, runtime);
  if (name == "upper") return runtime.text(upper(text));
  if (name == "lower") return runtime.text(lower(text));
  if (name == "title") return runtime.text(titled(text));
  if (name == "capitalize") return runtime.text(capitalised(text));
  if (name == "splitlines") return text_list(split_lines(text), runtime);
  if (name == "isspace") return all(text, is_space);
  if (name == "islower") return is_cased(text, true);
  if (name == "isupper") return is_cased(text, false);
  if (name == "isdigit" && is_ascii(text))
    return all(text, [](char32_t code) { return code >= U'0' && code <= U'9'; });
  if (name == "replace") {
    const std::string& from = text_of_value(arguments.at(0, "old"), "the first argument of replace");
    const std::string& to = text_of_value(arguments.at(1, "new"), "the second argument of replace");
    const std::size_t most = count_of(arguments.find(2, "count"));
    runtime.charge(std::min(most, occurrences(text, from)) * (1 + to.size() / 8));
    return runtime.text(replaced(text, from, to, most));
  }
  if (name == "count")
    return static_cast<std::int64_t>(
        occurrences(text, text_of_value(arguments.at(0, "sub"), "the argument of count")));
  if (name == "removeprefix" || name == "removesuffix") {
    const std::string& part = text_of_value(arguments.at(0, "prefix"), "the argument of " + name);
    if (name == "removeprefix") return runtime.text(text.substr(text.starts_with(part) ? part.size() : 0));
    return runtime.text(text.substr(0, text.size() - (text.ends_with(part) ? part.size() : 0)));
  }
  fail("method '{}' of texts is not supported", name);
}

Value mapping_method(const Mapping& fields, const std::string& name, Arguments& arguments, Runtime& runtime) {
  if (name == "get") {
    const Value& key = arguments.at(0, "key");
    const Value* otherwise = arguments.find(1, "default");
    const Value* value = key.text() == nullptr ? nullptr : fields.find(*key.text());
    return value != nullptr ? *value : otherwise != nullptr ? *otherwise : Value(nullptr);
  }
  if (name == "copy") return runtime.mapping(fields);
  std::vector<Value> values;
  runtime.charge(2 * fields.entries.size());
  for (const auto& [key, value] : fields.entries) {
    if (name == "items")
      values.push_back(runtime.list({Value(key), value}, Sequence::Form::tuple));
    else if (name == "keys")
      values.emplace_back(key);
    else if (name == "values")
      values.push_back(value);
    else
      fail("method '{}' of mappings is not supported", name);
  }
  return runtime.list(std::move(values), Sequence::Form::view);
}

Value list_method(const Value& list, const std::string& name, Arguments& arguments, Runtime& runtime) {
  if (name == "copy") return runtime.list(list.sequence()->items);
  const Value& wanted = arguments.at(0, "value");
  std::int64_t count = 0, at = 0;
  for (const Value& each : list.sequence()->items) {
    const bool same = equal(each, wanted, runtime);
    if (same && name == "index") return at;
    count += same;
    ++at;
  }
  require(name == "count", "the value is not in the list");
  return count;
}

}  // namespace

bool has_method(const Value& value, std::string_view name) {
  if (value.text() != nullptr) return has(text_methods, name);
  if (value.mapping() != nullptr) return has(mapping_methods, name);
  const Sequence* list = value.sequence();
  if (list == nullptr) return false;
  if (list->form == Sequence::Form::list) return has(list_methods, name);
  return list->form == Sequence::Form::tuple && (name == "count" || name == "index");
}

Value call_method(const Value& value, const std::string& name, Arguments& arguments, Runtime& runtime) {
  if (value.text() == nullptr)
    require(!has(changing_methods, name), "access to attribute '{}' of '{}' object is unsafe.", name,
            type_of(value));
  Value result = value.text() != nullptr      ? text_method(*value.text(), name, arguments, runtime)
                 : value.mapping() != nullptr ? mapping_method(*value.mapping(), name, arguments, runtime)
                                              : list_method(value, name, arguments, runtime);
  arguments.check_used("method '" + name + "'");
  return result;
}

}  // namespace zofo::chat
