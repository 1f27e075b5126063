#include "llm/chat/list_filters.hpp"

#include <algorithm>
#include <charconv>

#include "llm/chat/builtins.hpp"
#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

using Form = Sequence::Form;

// The field at a path such as "function.name" or 0; `otherwise`, if given, instead of what does not exist.
Value at_path(Value value, const Value& path, const Value* otherwise, Runtime& runtime) {
  const auto enter = [&](const Value& key) {
    value = element_of(value, key, runtime);
    if (otherwise != nullptr && !otherwise->none() && value.undefined()) value = *otherwise;
  };
  if (path.text() == nullptr) {
    enter(path);
    return value;
  }
  for (const std::string& part : split(*path.text(), ".", std::string::npos, false)) {
    std::int64_t index = 0;
    const char* const end = part.data() + part.size();
    const auto read = std::from_chars(part.data(), end, index);
    const bool number = !part.empty() && part[0] != '-' && read.ec == std::errc() && read.ptr == end;
    enter(number ? Value(index) : Value(part));
  }
  return value;
}

// The arguments from `first` on, which are those of the filter or test that is applied to each value.
Arguments rest_of(const Arguments& arguments, std::size_t first) {
  Arguments rest;
  rest.named = arguments.named;
  for (std::size_t i = first; i < arguments.values.size(); ++i) rest.values.push_back(arguments.values[i]);
  return rest;
}

// Counts all arguments as used: those of the inner filter or test were checked with it.
void all_used(Arguments& arguments) {
  for (std::size_t i = 0; i < arguments.values.size(); ++i) (void)arguments.find(i, "");
  for (const auto& entry : std::vector(arguments.named)) (void)arguments.find(0, entry.first);
}

Value map(const Value& value, Arguments& arguments, Runtime& runtime) {
  std::vector<Value> result;
  const Value* path = arguments.values.empty() ? arguments.find(0, "attribute") : nullptr;
  const Value* otherwise = path == nullptr ? nullptr : arguments.find(1, "default");
  const std::string filter =
      path != nullptr ? "" : text_of_value(arguments.at(0, "filter"), "the name of a filter");
  for (const Value& each : values_of(value, runtime)) {
    if (path != nullptr) {
      result.push_back(at_path(each, *path, otherwise, runtime));
    } else {
      Arguments inner = rest_of(arguments, 1);
      result.push_back(apply_filter(filter, each, inner, runtime));
    }
  }
  if (path == nullptr) all_used(arguments);
  return runtime.list(std::move(result), Form::generator);
}

// select, reject, selectattr and rejectattr.
template <bool Wanted, bool ByField>
Value select(const Value& value, Arguments& arguments, Runtime& runtime) {
  const std::size_t first = ByField ? 1 : 0;
  if (ByField) (void)arguments.at(0, "attribute");
  const Value* test = arguments.find(first, "test");
  std::vector<Value> result;
  for (const Value& each : values_of(value, runtime)) {
    const Value operand = ByField ? at_path(each, arguments.values.at(0), nullptr, runtime) : each;
    Arguments inner = rest_of(arguments, first + 1);
    const bool holds = test == nullptr
                           ? truth(operand)
                           : apply_test(text_of_value(*test, "the name of a test"), operand, inner, runtime);
    if (holds == Wanted) result.push_back(each);
  }
  all_used(arguments);
  return runtime.list(std::move(result), Form::generator);
}

Value join(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* between = arguments.find(0, "d");
  const Value* path = arguments.find(1, "attribute");
  const std::string separator = between == nullptr ? "" : printed(*between, runtime);
  std::string result;
  bool first = true;
  for (const Value& each : values_of(value, runtime)) {
    const std::size_t before = result.size();
    if (!std::exchange(first, false)) result += separator;
    result += printed(path == nullptr ? each : at_path(each, *path, nullptr, runtime), runtime);
    runtime.charge(1 + (result.size() - before) / 8);
  }
  return runtime.text(std::move(result));
}

Value first_of(const Value& value, Arguments&, Runtime& runtime) {
  if (const Sequence* list = value.sequence()) {
    const bool once = list->form == Form::generator;
    const std::size_t at = once ? list->read : 0;
    if (at >= list->items.size()) return undefined_value("No first item, sequence was empty.");
    if (once) ++list->read;
    return list->items[at];
  }
  const std::vector<Value> values = values_of(value, runtime);
  return values.empty() ? undefined_value("No first item, sequence was empty.") : values.front();
}

Value last_of(const Value& value, Arguments&, Runtime& runtime) {
  const Sequence* list = value.sequence();
  if (list != nullptr && list->form == Form::generator) fail("'generator' object is not reversible");
  if (list != nullptr && !list->items.empty()) return list->items.back();
  const std::vector<Value> values = values_of(value, runtime);
  return values.empty() ? undefined_value("No last item, sequence was empty.") : values.back();
}

Value as_list(const Value& value, Arguments&, Runtime& runtime) {
  return runtime.list(values_of(value, runtime));
}

Value reverse(const Value& value, Arguments&, Runtime& runtime) {
  std::vector<Value> values = values_of(value, runtime);
  std::ranges::reverse(values);
  if (value.text() == nullptr) return runtime.list(std::move(values), Form::generator);
  std::string text;
  for (const Value& each : values) text += *each.text();
  return runtime.text(std::move(text));
}

Value items(const Value& value, Arguments&, Runtime& runtime) {
  std::vector<Value> pairs;
  require(value.undefined() || value.mapping() != nullptr, "Can only get item pairs from a mapping.");
  if (const Mapping* fields = value.mapping())
    for (const auto& [key, each] : fields->entries)
      pairs.push_back(runtime.list({Value(key), each}, Form::tuple));
  return runtime.list(std::move(pairs), Form::generator);
}

// What is compared instead of the value: texts without case.
Value sort_key(Value value, bool case_sensitive) {
  if (case_sensitive || value.text() == nullptr) return value;
  return lower(*value.text());
}

// Sorts values by keys; the order of equal ones stays, also where `reversed`.
std::vector<Value> sorted(std::vector<std::pair<Value, Value>> pairs, bool reversed, Runtime& runtime) {
  if (reversed) std::ranges::reverse(pairs);
  std::ranges::stable_sort(
      pairs, [&](const auto& a, const auto& b) { return compare(a.first, b.first, runtime) < 0; });
  if (reversed) std::ranges::reverse(pairs);
  std::vector<Value> values;
  for (auto& each : pairs) values.push_back(std::move(each.second));
  return values;
}

Value sort(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* reversed = arguments.find(0, "reverse");
  const Value* sensitive = arguments.find(1, "case_sensitive");
  const Value* path = arguments.find(2, "attribute");
  std::vector<std::pair<Value, Value>> pairs;
  for (const Value& each : values_of(value, runtime)) {
    Value key = path == nullptr || path->none() ? each : at_path(each, *path, nullptr, runtime);
    pairs.emplace_back(sort_key(std::move(key), sensitive != nullptr && truth(*sensitive)), each);
  }
  return runtime.list(sorted(std::move(pairs), reversed != nullptr && truth(*reversed), runtime));
}

Value sort_mapping(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* sensitive = arguments.find(0, "case_sensitive");
  const Value* by = arguments.find(1, "by");
  const Value* reversed = arguments.find(2, "reverse");
  require(value.mapping() != nullptr, "the operand of dictsort is {}: must be dict", type_of(value));
  const bool by_value = by != nullptr && text_of_value(*by, "argument 'by' of dictsort") == "value";
  std::vector<std::pair<Value, Value>> pairs;
  for (const auto& [key, each] : value.mapping()->entries)
    pairs.emplace_back(sort_key(by_value ? each : Value(key), sensitive != nullptr && truth(*sensitive)),
                       runtime.list({Value(key), each}, Form::tuple));
  return runtime.list(sorted(std::move(pairs), reversed != nullptr && truth(*reversed), runtime));
}

template <int Sign>
Value extreme(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* sensitive = arguments.find(0, "case_sensitive");
  const Value* path = arguments.find(1, "attribute");
  Value best = undefined_value("No aggregated item, sequence was empty."), best_key;
  for (const Value& each : values_of(value, runtime)) {
    Value key = path == nullptr ? each : at_path(each, *path, nullptr, runtime);
    key = sort_key(std::move(key), sensitive != nullptr && truth(*sensitive));
    if (best.undefined() || compare(key, best_key, runtime) * Sign > 0)
      best = each, best_key = std::move(key);
  }
  return best;
}

Value sum(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* path = arguments.find(0, "attribute");
  const Value* start = arguments.find(1, "start");
  Value total = start == nullptr ? Value(std::int64_t{0}) : *start;
  for (const Value& each : values_of(value, runtime))
    total = arithmetic(
        "+", total, path == nullptr || path->none() ? each : at_path(each, *path, nullptr, runtime), runtime);
  return total;
}

}  // namespace

void add_list_filters(std::map<std::string, Filter, std::less<>>& filters) {
  const std::initializer_list<std::pair<const char*, Filter>> all{{"map", map},
                                                                  {"select", select<true, false>},
                                                                  {"reject", select<false, false>},
                                                                  {"selectattr", select<true, true>},
                                                                  {"rejectattr", select<false, true>},
                                                                  {"join", join},
                                                                  {"first", first_of},
                                                                  {"last", last_of},
                                                                  {"list", as_list},
                                                                  {"reverse", reverse},
                                                                  {"items", items},
                                                                  {"sort", sort},
                                                                  {"dictsort", sort_mapping},
                                                                  {"min", extreme<-1>},
                                                                  {"max", extreme<1>},
                                                                  {"sum", sum}};
  for (const auto& [name, filter] : all) filters.emplace(name, filter);
}

}  // namespace zofo::chat
