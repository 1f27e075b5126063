#include <cmath>
#include <limits>

#include "llm/chat/python_text.hpp"
#include "llm/chat/runtime.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

struct Number {
  bool whole = true;
  std::int64_t integer = 0;
  double real = 0.0;
};

bool number_of(const Value& value, Number& number) {
  if (const bool* is = value.boolean())
    number = {true, *is ? 1 : 0, *is ? 1.0 : 0.0};
  else if (const std::int64_t* integer = value.integer())
    number = {true, *integer, static_cast<double>(*integer)};
  else if (const double* real = value.real())
    number = {false, 0, *real};
  else
    return false;
  return true;
}

[[noreturn]] void refuse_operands(const std::string& name, const Value& a, const Value& b) {
  fail("unsupported operand type(s) for {}: '{}' and '{}'", name, type_of(a), type_of(b));
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
  require(b != 0, "integer division or modulo by zero");
  require(a != std::numeric_limits<std::int64_t>::min() || b != -1, "an integer needs more than 64 bits");
  const std::int64_t quotient = a / b;
  return quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

Value integer_result(const std::string& name, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflows = false;
  if (name == "+") {
    overflows = __builtin_add_overflow(a, b, &result);
  } else if (name == "-") {
    overflows = __builtin_sub_overflow(a, b, &result);
  } else if (name == "*") {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else if (name == "//") {
    result = floor_quotient(a, b);
  } else if (name == "%") {
    result = b == -1 ? 0 : a - b * floor_quotient(a, b);
  } else if (name == "/") {
    require(b != 0, "division by zero");
    return static_cast<double>(a) / static_cast<double>(b);
  } else {
    if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
    result = 1;
    const bool small = a >= -1 && a <= 1;  // its powers never overflow
    for (std::int64_t i = small ? b % 2 + (b > 0 ? 2 : 0) : b; i > 0 && !overflows; --i)
      overflows = __builtin_mul_overflow(result, a, &result);
  }
  require(!overflows, "an integer needs more than 64 bits");
  return result;
}

Value real_result(const std::string& name, double a, double b) {
  if (name == "+") return a + b;
  if (name == "-") return a - b;
  if (name == "*") return a * b;
  if (name == "**") return std::pow(a, b);
  require(b != 0.0, "float division by zero");
  if (name == "/") return a / b;
  const double remainder = std::fmod(a, b);
  const double modulo = remainder != 0.0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
  return name == "%" ? modulo : std::round((a - modulo) / b);
}

Value repeated(const Value& value, std::int64_t times, Runtime& runtime) {
  const auto count = static_cast<std::size_t>(times > 0 ? times : 0);
  if (const std::string* text = value.text()) {
    runtime.charge(count == 0 || text->size() <= std::numeric_limits<std::uint32_t>::max() / count
                       ? text->size() * count
                       : std::numeric_limits<std::size_t>::max());
    std::string result;
    for (std::size_t i = 0; i < count && !text->empty(); ++i) result += *text;
    return runtime.text(std::move(result));
  }
  const std::vector<Value>& items = value.sequence()->items;
  runtime.charge(count == 0 || items.size() <= std::numeric_limits<std::uint32_t>::max() / count
                     ? items.size() * count
                     : std::numeric_limits<std::size_t>::max());
  std::vector<Value> result;
  for (std::size_t i = 0; i < count && !items.empty(); ++i)
    result.insert(result.end(), items.begin(), items.end());
  return runtime.list(std::move(result), value.sequence()->form);
}

bool is_list(const Value& value) {
  return value.sequence() != nullptr &&
         (value.sequence()->form == Sequence::Form::list || value.sequence()->form == Sequence::Form::tuple);
}

}  // namespace

bool truth(const Value& value) {
  if (const bool* is = value.boolean()) return *is;
  if (const std::int64_t* integer = value.integer()) return *integer != 0;
  if (const double* real = value.real()) return *real != 0.0;
  if (const std::string* text = value.text()) return !text->empty();
  if (const Sequence* list = value.sequence())
    return list->form == Sequence::Form::generator || !list->items.empty();
  if (const Mapping* fields = value.mapping()) return !fields->entries.empty();
  return value.object() != nullptr;
}

std::string type_of(const Value& value) {
  if (value.undefined()) return "Undefined";
  if (value.none()) return "NoneType";
  if (value.boolean() != nullptr) return "bool";
  if (value.integer() != nullptr) return "int";
  if (value.real() != nullptr) return "float";
  if (value.text() != nullptr) return "str";
  if (value.mapping() != nullptr) return "dict";
  if (const Object* object = value.object()) return std::string(object->type_name);
  switch (value.sequence()->form) {
    case Sequence::Form::list:
      return "list";
    case Sequence::Form::tuple:
      return "tuple";
    case Sequence::Form::view:
      return "view";
    default:
      return "generator";
  }
}

Value undefined_value(std::string message) {
  return Value(Value::Data(Undefined{std::make_shared<const std::string>(std::move(message))}));
}

void refuse_undefined(const Value& value) {
  const auto& message = std::get<Undefined>(value.data()).message;
  fail("{}", message == nullptr ? "undefined value" : *message);
}

void require_defined(const Value& value) {
  if (value.undefined()) refuse_undefined(value);
}

bool equal(const Value& a, const Value& b, Runtime& runtime) {
  runtime.charge(1);
  Number x, y;
  if (number_of(a, x) && number_of(b, y))
    return x.whole && y.whole ? x.integer == y.integer : x.real == y.real;
  if (a.text() != nullptr && b.text() != nullptr) return *a.text() == *b.text();
  if (a.sequence() != nullptr && b.sequence() != nullptr) {
    const Sequence &left = *a.sequence(), &right = *b.sequence();
    if (&left == &right) return true;
    if (!is_list(a) || left.form != right.form || left.items.size() != right.items.size()) return false;
    for (std::size_t i = 0; i < left.items.size(); ++i)
      if (!equal(left.items[i], right.items[i], runtime)) return false;
    return true;
  }
  if (a.mapping() != nullptr && b.mapping() != nullptr) {
    if (a.mapping()->entries.size() != b.mapping()->entries.size()) return false;
    for (const auto& [key, value] : a.mapping()->entries) {
      const Value* other = b.mapping()->find(key);
      if (other == nullptr || !equal(value, *other, runtime)) return false;
    }
    return true;
  }
  if (a.object() != nullptr) return a.object() == b.object();
  return a.data().index() == b.data().index() && (a.none() || a.undefined());
}

int compare(const Value& a, const Value& b, Runtime& runtime) {
  runtime.charge(1);
  require_defined(a);
  require_defined(b);
  Number x, y;
  if (number_of(a, x) && number_of(b, y)) {
    if (x.whole && y.whole) return x.integer < y.integer ? -1 : x.integer > y.integer ? 1 : 0;
    require(!std::isnan(x.real) && !std::isnan(y.real), "numbers that are no numbers have no order");
    return x.real < y.real ? -1 : x.real > y.real ? 1 : 0;
  }
  if (a.text() != nullptr && b.text() != nullptr) return a.text()->compare(*b.text());
  if (!is_list(a) || !is_list(b) || a.sequence()->form != b.sequence()->form)
    fail("'{}' and '{}' have no order", type_of(a), type_of(b));
  const auto &left = a.sequence()->items, &right = b.sequence()->items;
  for (std::size_t i = 0; i < left.size() && i < right.size(); ++i)
    if (!equal(left[i], right[i], runtime)) return compare(left[i], right[i], runtime);
  return left.size() < right.size() ? -1 : left.size() > right.size() ? 1 : 0;
}

bool is_in(const Value& part, const Value& whole, Runtime& runtime) {
  if (const std::string* text = whole.text()) {
    if (part.text() == nullptr) fail("'in <string>' requires string as left operand, not {}", type_of(part));
    runtime.charge(text->size() / 8);
    return text->find(*part.text()) != std::string::npos;
  }
  if (const Mapping* fields = whole.mapping())
    return part.text() != nullptr && fields->find(*part.text()) != nullptr;
  if (whole.undefined()) return false;
  if (whole.sequence() == nullptr) fail("argument of type '{}' is not iterable", type_of(whole));
  for (const Value& each : values_of(whole, runtime))
    if (equal(each, part, runtime)) return true;
  return false;
}

Value arithmetic(const std::string& name, const Value& a, const Value& b, Runtime& runtime) {
  require_defined(a);
  require_defined(b);
  Number x, y;
  if (number_of(a, x) && number_of(b, y))
    return x.whole && y.whole ? integer_result(name, x.integer, y.integer)
                              : real_result(name, x.real, y.real);
  if (name == "+" && a.text() != nullptr && b.text() != nullptr) return runtime.text(*a.text() + *b.text());
  if (name == "+" && is_list(a) && is_list(b) && a.sequence()->form == b.sequence()->form) {
    std::vector<Value> items = a.sequence()->items;
    items.insert(items.end(), b.sequence()->items.begin(), b.sequence()->items.end());
    return runtime.list(std::move(items), a.sequence()->form);
  }
  if (name == "+" && a.text() != nullptr) fail("can only concatenate str (not \"{}\") to str", type_of(b));
  if (name == "%" && a.text() != nullptr) fail("formatting a text by % is not supported");
  if (name != "*") refuse_operands(name, a, b);
  if ((a.text() != nullptr || is_list(a)) && number_of(b, y) && y.whole)
    return repeated(a, y.integer, runtime);
  if ((b.text() != nullptr || is_list(b)) && number_of(a, x) && x.whole)
    return repeated(b, x.integer, runtime);
  refuse_operands(name, a, b);
}

std::int64_t integer_of(const Value& value, std::string_view what) {
  require_defined(value);
  Number number;
  if (!number_of(value, number) || !number.whole) fail("{} is {}: must be int", what, type_of(value));
  return number.integer;
}

const std::string& text_of_value(const Value& value, std::string_view what) {
  require_defined(value);
  if (value.text() == nullptr) fail("{} is {}: must be str", what, type_of(value));
  return *value.text();
}

}  // namespace zofo::chat
