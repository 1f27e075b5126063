/// @file Computes the text of a template's tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "llm/chat/runtime.hpp"
#include "llm/chat/syntax.hpp"
#include "zofo/chat/chat_template.hpp"

namespace zofo::chat {

/// Names and their values; a name that is not here is looked up in `outer`.
struct Scope {
  std::map<std::string, Value, std::less<>> names = {};
  Scope* outer = nullptr;
};

/// A macro, and the scope of its definition, the only one in which it can be called.
struct Macro final : Object {
  Macro(const Node& definition, Scope& where) : Object("macro"), node(&definition), scope(&where) {}
  const Node* node;
  Scope* scope;
};

/// The variable `loop`.
struct Loop final : Object {
  explicit Loop(std::vector<Value> all) : Object("loop"), items(std::move(all)) {}
  [[nodiscard]] Value field(const std::string& name) const override;
  std::vector<Value> items;
  std::size_t index = 0;
  std::vector<Value> last_seen = {};  // of changed()
  bool has_seen = false;
};

/// One rendering.
class Interpreter {
 public:
  Interpreter(Scope& globals, Runtime& runtime) : runtime_(runtime), scope_(&globals) {}

  /// Throws Error without the line, which line() returns.
  Rendered run(const Node& root);
  [[nodiscard]] std::size_t line() const { return line_; }

 private:
  enum class Flow : std::uint8_t { next, leave, repeat };

  // A scope inside of the current one, for its lifetime.
  class Inner {
   public:
    Inner(Interpreter& of, Scope* outer) : of_(of), before_(of.scope_) {
      scope.outer = outer;
      of.scope_ = &scope;
    }
    ~Inner() { of_.scope_ = before_; }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;
    Scope scope;

   private:
    Interpreter& of_;
    Scope* before_;
  };

  // Statements (statements.cpp).
  Flow execute(const Node& node);
  Flow body(const Node& node);
  Flow condition(const Node& node);
  Flow loop(const Node& node);
  void generation(const Node& node);
  void write(std::string_view text);
  std::string captured(const Node& body, const Node* filters);
  void assign(const Node& target, const Value& value);
  void assign_field(const Node& target, const Value& value);

  // Expressions (expressions.cpp).
  Value value(const Node& node);
  Value compute(const Node& node);
  Value variable(const std::string& name);
  Value list(const Node& node);
  Value mapping(const Node& node);
  Value element(const Node& node);
  Value slice(const Node& node);
  Value sign(const Node& node);
  Value join(const Node& node);
  bool comparison(const Node& node);
  Value choice(const Node& node);
  Value filter(const Node& node, const Value& operand);
  bool test(const Node& node);
  Value call(const Node& node);
  Value call_object(Object& object, Arguments& arguments);
  Value call_macro(const Macro& macro, Arguments& arguments);
  Value call_loop(Loop& loop, const std::string& name, Arguments& arguments);
  Arguments arguments_of(const Node& node);
  [[nodiscard]] Value* find(std::string_view name) const;

  Runtime& runtime_;
  Scope* scope_;
  std::string* out_ = nullptr;
  Rendered result_;
  std::size_t line_ = 1, depth_ = 0;
  bool in_generation_ = false;
};

}  // namespace zofo::chat
