#include "llm/chat/runtime.hpp"

#include <algorithm>

#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

constexpr std::size_t bytes_of_a_step = 8;
constexpr std::size_t deepest_value = 100;  // values are compared and printed recursively

}  // namespace

void Runtime::charge(std::size_t steps) {
  require(steps <= steps_, "the template does more work than its input can need");
  steps_ -= steps;
}

Value Runtime::text(std::string text) {
  charge(1 + text.size() / bytes_of_a_step);
  return Value(std::move(text));
}

void Runtime::check_stored(const Value& value) {
  if (const Object* object = value.object())
    fail("a {} cannot be stored in a list, a mapping or a namespace", object->type_name);
  require(value.depth() < deepest_value, "a list or mapping is nested deeper than {} levels", deepest_value);
}

Value Runtime::list(std::vector<Value> items, Sequence::Form form) {
  charge(1 + 2 * items.size());
  auto list = std::make_shared<Sequence>();
  list->form = form;
  for (const Value& each : items) {
    check_stored(each);
    list->depth = std::max(list->depth, each.depth() + 1);
  }
  list->items = std::move(items);
  return Value(Value::Data(std::shared_ptr<const Sequence>(std::move(list))));
}

Value Runtime::mapping(Mapping fields) {
  charge(1 + 8 * fields.entries.size());
  for (const auto& [key, value] : fields.entries) check_stored(value);
  return Value(Value::Data(std::make_shared<const Mapping>(std::move(fields))));
}

const Value* Arguments::find(std::size_t index, std::string_view name) {
  used_ = std::max(used_, index + 1);
  used_names_.emplace_back(name);
  if (index < values.size()) return &values[index];
  const auto found = std::ranges::find(named, name, &std::pair<std::string, Value>::first);
  return found == named.end() ? nullptr : &found->second;
}

const Value& Arguments::at(std::size_t index, std::string_view name) {
  const Value* value = find(index, name);
  require(value != nullptr, "argument '{}' is missing", name);
  return *value;
}

void Arguments::check_used(std::string_view callee) const {
  require(values.size() <= used_, "{} with {} arguments: at most {} are supported", callee, values.size(),
          used_);
  for (const auto& [name, value] : named)
    require(std::ranges::find(used_names_, name) != used_names_.end(), "{}: argument '{}' is not supported",
            callee, name);
}

}  // namespace zofo::chat
