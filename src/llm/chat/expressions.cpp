#include <algorithm>
#include <array>
#include <limits>

#include "llm/chat/builtins.hpp"
#include "llm/chat/interpreter.hpp"
#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

constexpr std::size_t deepest_evaluation =
    500;  // operations inside of others, through macros: bounds the stack

constexpr std::array<std::string_view, 8> other_names{"varargs", "kwargs", "caller", "self",
                                                      "super",   "lipsum", "cycler", "joiner"};

// Puts back the depth and the output where an exception passes.
class Deeper {
 public:
  explicit Deeper(std::size_t& depth) : depth_(depth) {
    require(++depth_ <= deepest_evaluation, "operations and macros are nested deeper than {} levels",
            deepest_evaluation);
  }
  ~Deeper() { --depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  std::size_t& depth_;
};

}  // namespace

Value Interpreter::value(const Node& node) {
  const Deeper deeper(depth_);
  runtime_.charge(1);
  line_ = node.line;
  return compute(node);
}

Value Interpreter::compute(const Node& node) {
  switch (node.kind) {
    case NodeKind::constant:
      return node.value;
    case NodeKind::variable:
      return variable(node.name);
    case NodeKind::list:
      return list(node);
    case NodeKind::mapping:
      return mapping(node);
    case NodeKind::attribute:
      return attribute_of(value(*node.children[0]), node.name, runtime_);
    case NodeKind::element:
      return element(node);
    case NodeKind::slice:
      return slice(node);
    case NodeKind::call:
      return call(node);
    case NodeKind::filter:
      return filter(node, value(*node.children[0]));
    case NodeKind::test:
      return test(node);
    case NodeKind::minus:
    case NodeKind::plus:
      return sign(node);
    case NodeKind::negation:
      return !truth(value(*node.children[0]));
    case NodeKind::conjunction: {
      Value left = value(*node.children[0]);
      return truth(left) ? value(*node.children[1]) : left;
    }
    case NodeKind::disjunction: {
      Value left = value(*node.children[0]);
      return truth(left) ? left : value(*node.children[1]);
    }
    case NodeKind::arithmetic: {
      const Value left = value(*node.children[0]);
      return arithmetic(node.name, left, value(*node.children[1]), runtime_);
    }
    case NodeKind::join:
      return join(node);
    case NodeKind::comparison:
      return comparison(node);
    default:
      return choice(node);
  }
}

Value* Interpreter::find(std::string_view name) const {
  for (Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    runtime_.charge(1);
    if (const auto found = scope->names.find(name); found != scope->names.end()) return &found->second;
  }
  return nullptr;
}

Value Interpreter::variable(const std::string& name) {
  if (const Value* found = find(name)) return *found;
  if (std::shared_ptr<Object> function = function_called(name))
    return Value(Value::Data(std::move(function)));
  if (std::ranges::find(other_names, name) != other_names.end()) fail("variable '{}' is not supported", name);
  return undefined_value(fmt::format("{} is undefined", repr_of(name)));
}

Value Interpreter::list(const Node& node) {
  std::vector<Value> items;
  for (const NodePointer& each : node.children) items.push_back(value(*each));
  return runtime_.list(std::move(items), node.name == "tuple" ? Sequence::Form::tuple : Sequence::Form::list);
}

Value Interpreter::mapping(const Node& node) {
  Mapping fields;
  for (std::size_t i = 0; i < node.children.size(); i += 2) {
    const Value key = value(*node.children[i]);
    fields.set(text_of_value(key, "a key of a mapping"), value(*node.children[i + 1]));
  }
  return runtime_.mapping(std::move(fields));
}

Value Interpreter::element(const Node& node) {
  const Value operand = value(*node.children[0]);
  return element_of(operand, value(*node.children[1]), runtime_);
}

Value Interpreter::slice(const Node& node) {
  const Value operand = value(*node.children[0]);
  std::array<Value, 3> parts{};
  std::array<const Value*, 3> given{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (node.children[i + 1] == nullptr) continue;
    parts[i] = value(*node.children[i + 1]);
    given[i] = &parts[i];
  }
  return slice_of(operand, given[0], given[1], given[2], runtime_);
}

Value Interpreter::sign(const Node& node) {
  const Value operand = value(*node.children[0]);
  if (operand.text() != nullptr || operand.sequence() != nullptr || operand.none())
    fail("bad operand type for unary {}: '{}'", node.kind == NodeKind::minus ? '-' : '+', type_of(operand));
  if (node.kind == NodeKind::minus && operand.real() != nullptr) return -*operand.real();
  return arithmetic(node.kind == NodeKind::minus ? "-" : "+", Value(std::int64_t{0}), operand, runtime_);
}

Value Interpreter::join(const Node& node) {
  std::string text;
  for (const NodePointer& each : node.children) text += printed(value(*each), runtime_);
  return runtime_.text(std::move(text));
}

bool Interpreter::comparison(const Node& node) {
  Value left = value(*node.children[0]);
  for (std::size_t i = 0; i < node.words.size(); ++i) {
    Value right = value(*node.children[i + 1]);
    const std::string& word = node.words[i];
    const bool holds = word == "=="       ? equal(left, right, runtime_)
                       : word == "!="     ? !equal(left, right, runtime_)
                       : word == "in"     ? is_in(left, right, runtime_)
                       : word == "not in" ? !is_in(left, right, runtime_)
                       : word == "<"      ? compare(left, right, runtime_) < 0
                       : word == "<="     ? compare(left, right, runtime_) <= 0
                       : word == ">"      ? compare(left, right, runtime_) > 0
                                          : compare(left, right, runtime_) >= 0;
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::choice(const Node& node) {
  if (truth(value(*node.children[0]))) return value(*node.children[1]);
  if (node.children[2]) return value(*node.children[2]);
  return undefined_value(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was "
                  "defined.",
                  node.line));
}

Arguments Interpreter::arguments_of(const Node& node) {
  Arguments arguments;
  for (std::size_t i = 1; i < node.children.size(); ++i) arguments.values.push_back(value(*node.children[i]));
  for (const auto& [name, each] : node.named) arguments.named.emplace_back(name, value(*each));
  return arguments;
}

Value Interpreter::filter(const Node& node, const Value& operand) {
  Arguments arguments = arguments_of(node);
  line_ = node.line;
  return apply_filter(node.name, operand, arguments, runtime_);
}

bool Interpreter::test(const Node& node) {
  const Value operand = value(*node.children[0]);
  Arguments arguments = arguments_of(node);
  return apply_test(node.name, operand, arguments, runtime_);
}

Value Interpreter::call(const Node& node) {
  const Node& callee = *node.children[0];
  if (callee.kind == NodeKind::attribute) {
    const Value operand = value(*callee.children[0]);
    if (auto* loop = dynamic_cast<Loop*>(operand.object());
        loop != nullptr && (callee.name == "cycle" || callee.name == "changed")) {
      Arguments arguments = arguments_of(node);
      return call_loop(*loop, callee.name, arguments);
    }
    const Value function = attribute_of(operand, callee.name, runtime_);
    require_defined(function);
    if (function.object() == nullptr) fail("'{}' object is not callable", type_of(function));
    Arguments arguments = arguments_of(node);
    line_ = node.line;
    return call_object(*function.object(), arguments);
  }
  const Value function = value(callee);
  require_defined(function);
  if (function.object() == nullptr) fail("'{}' object is not callable", type_of(function));
  Arguments arguments = arguments_of(node);
  line_ = node.line;
  return call_object(*function.object(), arguments);
}

Value Interpreter::call_object(Object& object, Arguments& arguments) {
  if (const auto* macro = dynamic_cast<const Macro*>(&object)) return call_macro(*macro, arguments);
  if (const auto* method = dynamic_cast<const Method*>(&object))
    return call_method(method->self, method->name, arguments, runtime_);
  if (const auto* function = dynamic_cast<const Function*>(&object))
    return call_function(function->name, arguments, runtime_);
  fail("a {} cannot be called", object.type_name);
}

Value Interpreter::call_macro(const Macro& macro, Arguments& arguments) {
  const Node& node = *macro.node;
  const std::vector<std::string>& names = node.words;
  if (arguments.values.size() > names.size())
    fail("macro {} takes not more than {} argument(s)", repr_of(node.name), names.size());
  for (const auto& entry : arguments.named)
    if (std::ranges::find(names, entry.first) == names.end())
      fail("macro {} takes no keyword argument {}", repr_of(node.name), repr_of(entry.first));
  Inner inner(*this, macro.scope);
  const std::size_t defaults = node.children.size() - 1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Value* given = arguments.find(i, names[i]);
    if (given != nullptr)
      inner.scope.names[names[i]] = *given;
    else if (i + defaults >= names.size())
      inner.scope.names[names[i]] = value(*node.children[i + defaults - names.size() + 1]);
    else
      inner.scope.names[names[i]] =
          undefined_value(fmt::format("parameter {} was not provided", repr_of(names[i])));
  }
  std::string text;
  std::string* const before = std::exchange(out_, &text);
  body(*node.children[0]);
  out_ = before;
  return runtime_.text(std::move(text));
}

Value Interpreter::call_loop(Loop& loop, const std::string& name, Arguments& arguments) {
  require(arguments.named.empty(), "loop.{} with a named argument is not supported", name);
  if (name == "cycle") {
    require(!arguments.values.empty(), "no items for cycling given");
    return arguments.values[loop.index % arguments.values.size()];
  }
  bool same = loop.has_seen && loop.last_seen.size() == arguments.values.size();
  for (std::size_t i = 0; same && i < arguments.values.size(); ++i)
    same = equal(loop.last_seen[i], arguments.values[i], runtime_);
  for (const Value& each : arguments.values) Runtime::check_stored(each);
  loop.last_seen = arguments.values;
  loop.has_seen = true;
  return !same;
}

}  // namespace zofo::chat
