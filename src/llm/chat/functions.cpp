#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

#include "llm/chat/builtins.hpp"
#include "zofo/chat/chat_template.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

constexpr std::array<std::string_view, 5> functions{"range", "dict", "namespace", "raise_exception",
                                                    "strftime_now"};

Value range(Arguments& arguments, Runtime& runtime) {
  const std::int64_t first = integer_of(arguments.at(0, "start"), "an argument of range");
  const Value* second = arguments.find(1, "stop");
  const Value* third = arguments.find(2, "step");
  const std::int64_t start = second == nullptr ? 0 : first;
  const std::int64_t stop = second == nullptr ? first : integer_of(*second, "an argument of range");
  const std::int64_t step = third == nullptr ? 1 : integer_of(*third, "an argument of range");
  constexpr std::int64_t most = 100000;  // Jinja's limit of a sandbox
  constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max() / 4;
  require(step != 0, "range() arg 3 must not be zero");
  for (const std::int64_t bound : {start, stop, step})
    require(bound > -far && bound < far, "{} is too large for range", bound);
  const std::int64_t span = step > 0 ? stop - start : start - stop;
  const std::int64_t count = span <= 0 ? 0 : (span - 1) / std::abs(step) + 1;
  if (count > most) fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", most);
  std::vector<Value> values;
  for (std::int64_t i = 0; i < count; ++i) values.emplace_back(start + i * step);
  return runtime.list(std::move(values), Sequence::Form::view);
}

Mapping fields_of(Arguments& arguments, bool checks_names) {
  Mapping fields;
  if (!arguments.values.empty()) {
    const Value& from = arguments.at(0, "mapping");
    if (from.mapping() == nullptr) fail("{} as argument: must be dict", type_of(from));
    fields = *from.mapping();
  }
  for (const auto& [name, value] : std::vector(arguments.named)) {
    if (checks_names && name.starts_with('_'))
      fail(
          "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{}'. Please "
          "rename the attribute.",
          name);
    (void)arguments.find(0, name);
    fields.set(name, value);
  }
  return fields;
}

Value formatted_time(const std::string& format, Runtime& runtime) {
  // Those that mean the same everywhere; a length or the names of a locale could be chosen otherwise.
  static constexpr std::string_view known = "aAbBdHIjmMpSyYUwWeFTDRn%";
  for (std::size_t at = format.find('%'); at != std::string::npos; at = format.find('%', at + 2))
    if (at + 1 >= format.size() || known.find(format[at + 1]) == std::string_view::npos)
      fail("strftime_now: '{}' is not supported", format.substr(at, 2));
  require(format.size() <= 256, "strftime_now: a format of {} bytes is not supported", format.size());
  std::array<char, 4096> text{};
  const std::tm now = runtime.now();
  const std::string with_end = format + "|";  // so that an empty result is not mistaken for a failure
  const std::size_t length = std::strftime(text.data(), text.size(), with_end.c_str(), &now);
  require(length > 0, "strftime_now: a format of {} bytes is not supported", format.size());
  return runtime.text(std::string(text.data(), length - 1));
}

}  // namespace

std::shared_ptr<Object> function_called(const std::string& name) {
  const auto found = std::ranges::find(functions, name);
  return found == functions.end() ? nullptr : std::make_shared<Function>(*found);
}

Value call_function(std::string_view name, Arguments& arguments, Runtime& runtime) {
  if (name == "raise_exception") throw TemplateException(printed(arguments.at(0, "message"), runtime));
  Value result;
  if (name == "range")
    result = range(arguments, runtime);
  else if (name == "strftime_now")
    result = formatted_time(text_of_value(arguments.at(0, "format"), "the format of strftime_now"), runtime);
  else if (name == "dict")
    result = runtime.mapping(fields_of(arguments, false));
  else {
    auto made = std::make_shared<Namespace>();
    made->fields = fields_of(arguments, true);
    for (const auto& entry : made->fields.entries) Runtime::check_stored(entry.second);
    result = Value(Value::Data(std::shared_ptr<Object>(std::move(made))));
  }
  arguments.check_used("function '" + std::string(name) + "'");
  return result;
}

}  // namespace zofo::chat
