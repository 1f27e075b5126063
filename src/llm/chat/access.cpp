#include <algorithm>

#include "llm/chat/builtins.hpp"
#include "llm/chat/python_text.hpp"
#include "llm/chat/runtime.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

// Jinja's message for a field that does not exist.
Value missing(const Value& operand, const Value& key, Runtime& runtime) {
  const std::string type = operand.none() ? "None" : type_of(operand) + " object";
  if (key.text() != nullptr)
    return undefined_value(fmt::format("'{}' has no attribute {}", type, repr_of(*key.text())));
  const bool simple = key.integer() != nullptr || key.boolean() != nullptr || key.real() != nullptr;
  return undefined_value(
      fmt::format("{} has no element {}", type, simple ? printed(key, runtime) : type_of(key)));
}

// The position of an index, counted from the end where it is negative.
bool position_of(std::int64_t index, std::size_t size, std::size_t& position) {
  const auto length = static_cast<std::int64_t>(size);
  if (index < -length || index >= length) return false;
  position = static_cast<std::size_t>(index < 0 ? index + length : index);
  return true;
}

// The positions that a slice takes, in their order.
std::vector<std::size_t> positions_of(std::size_t size, const Value* first, const Value* end,
                                      const Value* step) {
  const auto part = [](const Value* value, std::int64_t otherwise) {
    return value == nullptr || value->none() ? otherwise : integer_of(*value, "a slice's bound");
  };
  const auto length = static_cast<std::int64_t>(size);
  const std::int64_t stride = part(step, 1);
  require(stride != 0, "slice step cannot be zero");
  const std::int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? length : length - 1;
  const auto bound = [&](const Value* value, std::int64_t otherwise) {
    const std::int64_t given = part(value, otherwise);
    if (value == nullptr || value->none()) return given;
    return std::clamp(given < 0 ? std::max(given + length, low) : given, low, high);
  };
  std::vector<std::size_t> positions;
  const std::int64_t start = bound(first, stride > 0 ? 0 : length - 1);
  const std::int64_t stop = bound(end, stride > 0 ? length : -1);
  const std::int64_t count = stride > 0 ? (stop - start + (stride - 1)) / stride : 0;
  if (stride > 0 && start < stop)
    for (std::int64_t i = 0; i < count; ++i)
      positions.push_back(static_cast<std::size_t>(start + i * stride));
  for (std::int64_t at = start; stride < 0 && at > stop; at = stride < -length ? stop : at + stride)
    positions.push_back(static_cast<std::size_t>(at));
  return positions;
}

}  // namespace

Value Object::field(const std::string& name) const {
  return undefined_value(fmt::format("'{} object' has no attribute {}", type_name, repr_of(name)));
}

Value Namespace::field(const std::string& name) const {
  const Value* value = fields.find(name);
  return value == nullptr ? Object::field(name) : *value;
}

std::vector<Value> values_of(const Value& value, Runtime& runtime) {
  if (value.undefined()) return {};
  std::vector<Value> values;
  if (const Sequence* list = value.sequence()) {
    runtime.charge(list->items.size());
    const bool once = list->form == Sequence::Form::generator;
    values.assign(list->items.begin() + static_cast<std::ptrdiff_t>(once ? list->read : 0),
                  list->items.end());
    if (once) list->read = list->items.size();
  } else if (const Mapping* fields = value.mapping()) {
    runtime.charge(2 * fields->entries.size());
    for (const auto& entry : fields->entries) values.emplace_back(entry.first);
  } else if (const std::string* text = value.text()) {
    runtime.charge(2 * text->size());
    for (const char32_t code : code_points(*text))
      values.emplace_back(text_of(std::u32string_view(&code, 1)));
  } else {
    fail("'{}' object is not iterable", type_of(value));
  }
  return values;
}

Value attribute_of(const Value& operand, const std::string& name, Runtime& runtime) {
  require_defined(operand);
  runtime.charge(1);
  if (const Object* object = operand.object()) return object->field(name);
  require(!name.starts_with("__"), "access to attribute '{}' of '{}' object is unsafe.", name,
          type_of(operand));
  if (has_method(operand, name)) return Value(Value::Data(std::make_shared<Method>(operand, name)));
  if (const Mapping* fields = operand.mapping())
    if (const Value* value = fields->find(name)) return *value;
  return missing(operand, Value(name), runtime);
}

Value element_of(const Value& operand, const Value& index, Runtime& runtime) {
  require_defined(operand);
  runtime.charge(1);
  if (const Mapping* fields = operand.mapping(); fields != nullptr && index.text() != nullptr)
    if (const Value* value = fields->find(*index.text())) return *value;
  if (index.text() != nullptr) return attribute_of(operand, *index.text(), runtime);
  if (index.integer() == nullptr && index.boolean() == nullptr) return missing(operand, index, runtime);
  const std::int64_t number = integer_of(index, "an index");
  std::size_t position = 0;
  if (const Sequence* list = operand.sequence()) {
    const bool has_order = list->form == Sequence::Form::list || list->form == Sequence::Form::tuple;
    if (has_order && position_of(number, list->items.size(), position)) return list->items[position];
  } else if (const std::string* text = operand.text()) {
    runtime.charge(text->size() / 8);
    if (is_ascii(*text)) {
      if (position_of(number, text->size(), position)) return std::string(1, (*text)[position]);
    } else {
      const std::u32string points = code_points(*text);
      if (position_of(number, points.size(), position))
        return text_of(std::u32string_view(points).substr(position, 1));
    }
  }
  return missing(operand, index, runtime);
}

Value slice_of(const Value& operand, const Value* first, const Value* end, const Value* step,
               Runtime& runtime) {
  require_defined(operand);
  if (const std::string* text = operand.text()) {
    runtime.charge(text->size());
    const std::u32string points = code_points(*text);
    std::u32string taken;
    for (const std::size_t at : positions_of(points.size(), first, end, step)) taken += points[at];
    return runtime.text(text_of(taken));
  }
  const Sequence* list = operand.sequence();
  if (list == nullptr || list->form == Sequence::Form::view || list->form == Sequence::Form::generator)
    fail("'{}' object has no slices", type_of(operand));
  runtime.charge(list->items.size());
  std::vector<Value> taken;
  for (const std::size_t at : positions_of(list->items.size(), first, end, step))
    taken.push_back(list->items[at]);
  return runtime.list(std::move(taken), list->form);
}

std::size_t size_of(const Value& value) {
  if (value.undefined()) return 0;
  if (const std::string* text = value.text()) return length_of(*text);
  if (const Mapping* fields = value.mapping()) return fields->entries.size();
  const Sequence* list = value.sequence();
  if (list == nullptr || list->form == Sequence::Form::generator)
    fail("object of type '{}' has no len()", type_of(value));
  return list->items.size();
}

}  // namespace zofo::chat
