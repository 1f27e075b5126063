/// @file What the operations of a template share: bounds of the work, and making values.
#pragma once

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/chat/value.hpp"

namespace zofo::chat {

/// Something else than data: a function, a macro, a namespace or the variable `loop`. Lists and mappings
/// cannot hold it, so that no value contains itself.
struct Object {
  explicit Object(std::string_view type) : type_name(type) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  /// A field; undefined if there is none.
  [[nodiscard]] virtual Value field(const std::string& name) const;
  std::string_view type_name;  ///< for messages
};

/// namespace(...): the one value that a template can change.
struct Namespace final : Object {
  Namespace() : Object("namespace") {}
  [[nodiscard]] Value field(const std::string& name) const override;
  Mapping fields;
};

/// A method of a value, which a call completes.
struct Method final : Object {
  Method(Value value, std::string method)
      : Object("method"), self(std::move(value)), name(std::move(method)) {}
  Value self;
  std::string name;
};

/// A function of Jinja or transformers.
struct Function final : Object {
  explicit Function(std::string_view function) : Object("function"), name(function) {}
  std::string_view name;
};

/// The work that one rendering may still do, and its clock. Templates are untrusted.
class Runtime {
 public:
  Runtime(std::size_t steps, std::tm now) : steps_(steps), now_(now) {}

  /// Counts work: values, or bytes. Throws Error where it exceeds the bound.
  void charge(std::size_t steps);
  /// A text, whose bytes are charged.
  Value text(std::string text);
  /// A list, whose values are charged. Throws Error for an object in it, and where it is nested too deeply.
  Value list(std::vector<Value> items, Sequence::Form form = Sequence::Form::list);
  /// The same for a mapping.
  Value mapping(Mapping fields);
  /// Throws Error for an object, and for a list or a mapping that is nested too deeply.
  static void check_stored(const Value& value);
  /// The time that strftime_now formats.
  [[nodiscard]] const std::tm& now() const { return now_; }

 private:
  std::size_t steps_;
  std::tm now_;
};

/// The arguments of a call.
class Arguments {
 public:
  std::vector<Value> values;                         ///< those without names
  std::vector<std::pair<std::string, Value>> named;  ///< those with names

  /// The argument at `index`, or called `name`; null if there is none.
  [[nodiscard]] const Value* find(std::size_t index, std::string_view name);
  /// The same. Throws Error naming `name` if there is none.
  const Value& at(std::size_t index, std::string_view name);
  /// Throws Error if an argument has not been asked for.
  void check_used(std::string_view callee) const;

 private:
  std::size_t used_ = 0;
  std::vector<std::string> used_names_;
};

// Operators (operators.cpp).

/// Python's truth value.
bool truth(const Value& value);
/// An undefined value whose use is an error with this message.
Value undefined_value(std::string message);
/// Python's name of the type, for messages.
std::string type_of(const Value& value);
/// Jinja's message for an undefined value; throws Error unless the value is one.
[[noreturn]] void refuse_undefined(const Value& value);
/// Throws Error where the value is undefined.
void require_defined(const Value& value);
bool equal(const Value& a, const Value& b, Runtime& runtime);
/// Negative, 0, positive. Throws Error for types without an order.
int compare(const Value& a, const Value& b, Runtime& runtime);
/// `part in whole`.
bool is_in(const Value& part, const Value& whole, Runtime& runtime);
/// a + b, a - b, a * b, a / b, a // b, a % b, a ** b. Throws Error where Python does, and for an integer that
/// needs more than 64 bits.
Value arithmetic(const std::string& name, const Value& a, const Value& b, Runtime& runtime);
/// The value as an integer (booleans are 0 and 1). Throws Error naming `what`.
std::int64_t integer_of(const Value& value, std::string_view what);
/// The text. Throws Error naming `what` for other types.
const std::string& text_of_value(const Value& value, std::string_view what);

// Access (access.cpp).

/// The values that a loop over `value` visits. Those of a generator are read by this.
std::vector<Value> values_of(const Value& value, Runtime& runtime);
/// operand.name and operand[index]; undefined where there is no such thing.
Value attribute_of(const Value& operand, const std::string& name, Runtime& runtime);
Value element_of(const Value& operand, const Value& index, Runtime& runtime);
/// operand[first:end:step]; null for a part that is not given.
Value slice_of(const Value& operand, const Value* first, const Value* end, const Value* step,
               Runtime& runtime);
/// The number of values or characters. Throws Error for types without one.
std::size_t size_of(const Value& value);

// Texts of values (value_text.cpp).

/// str(value).
std::string printed(const Value& value, Runtime& runtime);
/// How json.dumps writes a value: `indent` blanks a level (negative: one line).
struct JsonForm {
  int indent = -1;
  bool sort_keys = false, ascii = false;
  std::string between = ", ", after_key = ": ";
};
std::string json_of(const Value& value, const JsonForm& form, Runtime& runtime);

}  // namespace zofo::chat
