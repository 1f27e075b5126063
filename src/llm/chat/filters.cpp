#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "llm/chat/builtins.hpp"
#include "llm/chat/list_filters.hpp"
#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/nearest_name.hpp"

namespace zofo::chat {

namespace {

Value trim(const Value& value, Arguments& arguments, Runtime& runtime) {
  const std::string text = printed(value, runtime);
  const Value* given = arguments.find(0, "chars");
  std::optional<std::u32string> characters;
  if (given != nullptr && !given->none())
    characters = code_points(text_of_value(*given, "the argument of trim"));
  runtime.charge(text.size() / 8 * (characters ? characters->size() + 1 : 1));
  return runtime.text(std::string(stripped(text, characters, true, true)));
}

Value default_value(const Value& value, Arguments& arguments, Runtime&) {
  const Value* otherwise = arguments.find(0, "default_value");
  const Value* boolean = arguments.find(1, "boolean");
  const bool missing = value.undefined() || (boolean != nullptr && truth(*boolean) && !truth(value));
  if (!missing) return value;
  return otherwise == nullptr ? Value("") : *otherwise;
}

Value to_json(const Value& value, Arguments& arguments, Runtime& runtime) {
  JsonForm form;
  const Value* ascii = arguments.find(0, "ensure_ascii");
  const Value* indent = arguments.find(1, "indent");
  const Value* separators = arguments.find(2, "separators");
  const Value* sorted = arguments.find(3, "sort_keys");
  form.ascii = ascii != nullptr && truth(*ascii);
  form.sort_keys = sorted != nullptr && truth(*sorted);
  if (indent != nullptr && !indent->none()) {
    const std::int64_t blanks = integer_of(*indent, "argument 'indent' of tojson");
    require(blanks >= 0 && blanks <= 64, "argument 'indent' of tojson is {}: must be between 0 and 64",
            blanks);
    form.indent = static_cast<int>(blanks);
    form.between = ",";
  }
  if (separators != nullptr && !separators->none()) {
    const std::vector<Value> both = values_of(*separators, runtime);
    require(both.size() == 2, "argument 'separators' of tojson: must be two texts");
    form.between = text_of_value(both[0], "a separator of tojson");
    form.after_key = text_of_value(both[1], "a separator of tojson");
    require(form.between.size() + form.after_key.size() <= 64, "a separator of tojson: must be short");
  }
  return runtime.text(json_of(value, form, runtime));
}

Value replace(const Value& value, Arguments& arguments, Runtime& runtime) {
  const std::string text = printed(value, runtime);
  const std::string from = printed(arguments.at(0, "old"), runtime);
  const std::string to = printed(arguments.at(1, "new"), runtime);
  const Value* count = arguments.find(2, "count");
  const std::int64_t most = count == nullptr || count->none() ? -1 : integer_of(*count, "a count");
  const auto limit = most < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(most);
  runtime.charge(text.size() / 8 + std::min(limit, occurrences(text, from)) * (1 + to.size() / 8));
  return runtime.text(replaced(text, from, to, limit));
}

// A number written in a text, with blanks around it.
template <class Number>
bool read_number(std::string_view text, Number& number) {
  text = stripped(text, {}, true, true);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto result = std::from_chars(begin, end, number);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

Value as_integer(const Value& value, Arguments& arguments, Runtime&) {
  const Value* given = arguments.find(0, "default");
  const Value otherwise = given == nullptr ? Value(std::int64_t{0}) : *given;
  std::int64_t integer = 0;
  double real = 0.0;
  if (value.integer() != nullptr) return value;
  if (value.boolean() != nullptr) return std::int64_t{*value.boolean() ? 1 : 0};
  if (value.real() != nullptr) real = *value.real();
  if (value.text() != nullptr && read_number(*value.text(), integer)) return integer;
  if (value.real() == nullptr && (value.text() == nullptr || !read_number(*value.text(), real)))
    return otherwise;
  if (!std::isfinite(real)) return otherwise;
  require(std::abs(real) < 9.2e18, "an integer needs more than 64 bits");
  return static_cast<std::int64_t>(real);
}

Value as_real(const Value& value, Arguments& arguments, Runtime&) {
  const Value* given = arguments.find(0, "default");
  double real = 0.0;
  if (value.real() != nullptr) return value;
  if (value.integer() != nullptr) return static_cast<double>(*value.integer());
  if (value.boolean() != nullptr) return *value.boolean() ? 1.0 : 0.0;
  if (value.text() != nullptr && read_number(*value.text(), real)) return real;
  return given == nullptr ? Value(0.0) : *given;
}

Value absolute(const Value& value, Arguments&, Runtime&) {
  if (value.real() != nullptr) return std::abs(*value.real());
  const std::int64_t integer = integer_of(value, "the operand of abs");
  require(integer != std::numeric_limits<std::int64_t>::min(), "an integer needs more than 64 bits");
  return std::abs(integer);
}

// Every word after a blank, a bracket or a hyphen with a capital.
Value title(const Value& value, Arguments&, Runtime& runtime) {
  const std::string text = printed(value, runtime);
  static constexpr std::string_view others = "-({[<";
  std::u32string word;
  std::string result;
  const auto end_word = [&] { result += capitalised(text_of(word)), word.clear(); };
  for (const char32_t code : code_points(text)) {
    if (!is_space(code) && (code > 0x7F || others.find(static_cast<char>(code)) == std::string_view::npos)) {
      word += code;
      continue;
    }
    end_word();
    result += text_of(std::u32string_view(&code, 1));
  }
  end_word();
  return runtime.text(std::move(result));
}

Value indent(const Value& value, Arguments& arguments, Runtime& runtime) {
  const std::string text = printed(value, runtime);
  const Value* width = arguments.find(0, "width");
  const Value* first = arguments.find(1, "first");
  const Value* blank = arguments.find(2, "blank");
  std::string before(4, ' ');
  if (width != nullptr && width->text() != nullptr) {
    before = *width->text();
  } else if (width != nullptr) {
    const std::int64_t blanks = integer_of(*width, "argument 'width' of indent");
    require(blanks <= 1000, "argument 'width' of indent is {}: must be at most 1000", blanks);
    before.assign(static_cast<std::size_t>(std::max<std::int64_t>(blanks, 0)), ' ');
  }
  const bool blank_lines = blank != nullptr && truth(*blank);
  std::string result;
  if (first != nullptr && truth(*first)) result += before;
  const std::vector<std::string> lines = split_lines(text + "\n");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    runtime.charge(1 + (before.size() + lines[i].size()) / 8);
    if (i > 0) result += '\n';
    if (i > 0 && (blank_lines || !lines[i].empty())) result += before;
    result += lines[i];
  }
  return runtime.text(std::move(result));
}

template <std::string (*Change)(std::string_view)>
Value changed(const Value& value, Arguments&, Runtime& runtime) {
  return runtime.text(Change(printed(value, runtime)));
}

const std::map<std::string, Filter, std::less<>>& filters() {
  static const std::map<std::string, Filter, std::less<>> table = [] {
    const auto length = [](const Value& value, Arguments&, Runtime& runtime) -> Value {
      runtime.charge(value.text() == nullptr ? 1 : value.text()->size() / 8);
      return static_cast<std::int64_t>(size_of(value));
    };
    const auto same = [](const Value& value, Arguments&, Runtime&) { return value; };
    const auto string = [](const Value& value, Arguments&, Runtime& runtime) {
      return runtime.text(printed(value, runtime));
    };
    std::map<std::string, Filter, std::less<>> all{{"trim", trim},
                                                   {"default", default_value},
                                                   {"d", default_value},
                                                   {"tojson", to_json},
                                                   {"replace", replace},
                                                   {"int", as_integer},
                                                   {"float", as_real},
                                                   {"abs", absolute},
                                                   {"title", title},
                                                   {"indent", indent},
                                                   {"upper", changed<upper>},
                                                   {"lower", changed<lower>},
                                                   {"capitalize", changed<capitalised>},
                                                   {"length", length},
                                                   {"count", length},
                                                   {"safe", same},
                                                   {"string", string}};
    add_list_filters(all);
    return all;
  }();
  return table;
}

}  // namespace

bool is_filter(std::string_view name) { return filters().contains(name); }

std::vector<std::string> filter_names() {
  std::vector<std::string> names;
  for (const auto& entry : filters()) names.push_back(entry.first);
  return names;
}

Value apply_filter(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime) {
  const auto found = filters().find(name);
  if (found == filters().end())
    fail("filter '{}' is not supported{}", name, parse::did_you_mean(name, filter_names()));
  if (const Object* object = value.object(); object != nullptr && name != "default" && name != "d")
    fail("filter '{}' of a {} is not supported", name, object->type_name);
  runtime.charge(1);
  Value result = found->second(value, arguments, runtime);
  arguments.check_used("filter '" + name + "'");
  return result;
}

}  // namespace zofo::chat
