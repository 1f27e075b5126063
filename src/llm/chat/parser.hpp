/// @file Reads chat templates: the grammar of Jinja without inheritance, inclusion and call blocks.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/chat/lexer.hpp"
#include "llm/chat/syntax.hpp"

namespace zofo::chat {

/// One reading of one template.
class Parser {
 public:
  explicit Parser(const std::string& source);
  /// The whole template.
  NodePointer run();

 private:
  using Type = TemplateToken::Type;

  // Counts the open calls of the recursive functions: templates are untrusted, and the stack is finite.
  class Nested {
   public:
    explicit Nested(Parser& parser);
    ~Nested() { --parser_.nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& parser_;
  };

  [[noreturn]] void refuse(std::size_t line, const std::string& message) const;
  [[nodiscard]] const TemplateToken& now() const { return tokens_[at_]; }
  [[nodiscard]] bool symbol(std::string_view text) const;
  [[nodiscard]] bool word(std::string_view text) const;
  bool skip_symbol(std::string_view text);
  bool skip_word(std::string_view text);
  void expect_symbol(std::string_view text);
  std::string expect_name();
  void expect_block_end();
  static NodePointer node(NodeKind kind, std::size_t line);
  void add(Node& parent, NodePointer child);

  // Statements (parse_statements.cpp).
  NodePointer body(std::initializer_list<std::string_view> ends);
  NodePointer statement();
  NodePointer condition();
  NodePointer loop();
  NodePointer set();
  NodePointer macro();
  NodePointer filter_block();
  NodePointer generation();
  NodePointer leave();
  NodePointer target(bool with_fields);
  NodePointer target_part(bool with_fields);
  void parameters(Node& macro);

  // Expressions (parse_expressions.cpp).
  NodePointer tuple(bool with_choice, bool in_parentheses = false);
  NodePointer expression(bool with_choice = true);
  NodePointer disjunction();
  NodePointer conjunction();
  NodePointer negation();
  NodePointer comparison();
  NodePointer sum();
  NodePointer join();
  NodePointer product();
  NodePointer power();
  NodePointer unary(bool with_filters);
  NodePointer primary();
  NodePointer name_or_constant();
  NodePointer number();
  NodePointer list();
  NodePointer mapping();
  NodePointer postfix(NodePointer operand);
  NodePointer filters_and_tests(NodePointer operand);
  NodePointer field(NodePointer operand);
  NodePointer element(NodePointer operand);
  NodePointer filters(NodePointer operand);
  NodePointer test(NodePointer operand);
  NodePointer call(NodePointer callee);
  void arguments(Node& call);
  NodePointer binary(NodeKind kind, NodePointer left, NodePointer right, std::string name = {});

  std::vector<TemplateToken> tokens_;
  std::size_t at_ = 0, nesting_ = 0, loops_ = 0;
};

}  // namespace zofo::chat
