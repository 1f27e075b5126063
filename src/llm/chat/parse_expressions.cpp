#include <algorithm>
#include <array>
#include <charconv>

#include "llm/chat/builtins.hpp"
#include "llm/chat/parser.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/nearest_name.hpp"

namespace zofo::chat {

NodePointer Parser::binary(NodeKind kind, NodePointer left, NodePointer right, std::string name) {
  NodePointer result = node(kind, left->line);
  result->name = std::move(name);
  add(*result, std::move(left));
  add(*result, std::move(right));
  return result;
}

// Expressions with commas between them are a tuple, also a single one before a comma.
NodePointer Parser::tuple(bool with_choice, bool in_parentheses) {
  const std::size_t line = now().line;
  const auto ends = [&] {
    return now().type == Type::print_end || now().type == Type::block_end || symbol(")");
  };
  NodePointer result = node(NodeKind::list, line);
  result->name = "tuple";
  bool has_comma = false;
  while (!ends()) {
    add(*result, expression(with_choice));
    if (!skip_symbol(",")) break;
    has_comma = true;
  }
  if (!has_comma && !result->children.empty()) return std::move(result->children[0]);
  if (!has_comma && !in_parentheses) refuse(line, fmt::format("'{}' instead of an expression", now().text));
  return result;
}

NodePointer Parser::expression(bool with_choice) {
  const Nested nested(*this);
  NodePointer value = disjunction();
  while (with_choice && skip_word("if")) {
    NodePointer choice = node(NodeKind::choice, value->line);
    add(*choice, disjunction());
    add(*choice, std::move(value));
    add(*choice, skip_word("else") ? expression() : nullptr);
    value = std::move(choice);
  }
  return value;
}

NodePointer Parser::disjunction() {
  NodePointer left = conjunction();
  while (skip_word("or")) left = binary(NodeKind::disjunction, std::move(left), conjunction());
  return left;
}

NodePointer Parser::conjunction() {
  NodePointer left = negation();
  while (skip_word("and")) left = binary(NodeKind::conjunction, std::move(left), negation());
  return left;
}

NodePointer Parser::negation() {
  if (!word("not")) return comparison();
  const Nested nested(*this);
  NodePointer result = node(NodeKind::negation, now().line);
  ++at_;
  add(*result, negation());
  return result;
}

NodePointer Parser::comparison() {
  static constexpr std::array<std::string_view, 6> symbols{"==", "!=", "<", "<=", ">", ">="};
  NodePointer first = sum();
  NodePointer result = node(NodeKind::comparison, first->line);
  add(*result, std::move(first));
  for (;;) {
    const bool negated = word("not") && tokens_[at_ + 1].type == Type::name && tokens_[at_ + 1].text == "in";
    if (negated)
      at_ += 2, result->words.emplace_back("not in");
    else if (word("in") ||
             (now().type == Type::symbol && std::ranges::find(symbols, now().text) != symbols.end()))
      result->words.push_back(tokens_[at_++].text);
    else
      break;
    add(*result, sum());
  }
  return result->words.empty() ? std::move(result->children[0]) : std::move(result);
}

NodePointer Parser::sum() {
  NodePointer left = join();
  while (symbol("+") || symbol("-")) {
    std::string name = tokens_[at_++].text;
    left = binary(NodeKind::arithmetic, std::move(left), join(), std::move(name));
  }
  return left;
}

NodePointer Parser::join() {
  NodePointer first = product();
  if (!symbol("~")) return first;
  NodePointer result = node(NodeKind::join, first->line);
  add(*result, std::move(first));
  while (skip_symbol("~")) add(*result, product());
  return result;
}

NodePointer Parser::product() {
  NodePointer left = power();
  while (symbol("*") || symbol("/") || symbol("//") || symbol("%")) {
    std::string name = tokens_[at_++].text;
    left = binary(NodeKind::arithmetic, std::move(left), power(), std::move(name));
  }
  return left;
}

NodePointer Parser::power() {
  NodePointer left = unary(true);
  while (skip_symbol("**")) left = binary(NodeKind::arithmetic, std::move(left), unary(true), "**");
  return left;
}

NodePointer Parser::unary(bool with_filters) {
  NodePointer operand;
  if (symbol("-") || symbol("+")) {
    const Nested nested(*this);
    operand = node(symbol("-") ? NodeKind::minus : NodeKind::plus, now().line);
    ++at_;
    add(*operand, unary(false));
  } else {
    operand = primary();
  }
  operand = postfix(std::move(operand));
  return with_filters ? filters_and_tests(std::move(operand)) : std::move(operand);
}

NodePointer Parser::primary() {
  const TemplateToken& token = now();
  switch (token.type) {
    case Type::name:
      return name_or_constant();
    case Type::integer:
    case Type::real:
      return number();
    case Type::string: {
      NodePointer result = node(NodeKind::constant, token.line);
      std::string text;
      while (now().type == Type::string) text += tokens_[at_++].text;  // neighbours are one string
      result->value = std::move(text);
      return result;
    }
    default:
      break;
  }
  if (symbol("[")) return list();
  if (symbol("{")) return mapping();
  if (!skip_symbol("(")) refuse(token.line, fmt::format("'{}' instead of an expression", token.text));
  NodePointer inner = tuple(true, true);
  expect_symbol(")");
  return inner;
}

NodePointer Parser::name_or_constant() {
  NodePointer result = node(NodeKind::constant, now().line);
  const std::string name = expect_name();
  if (name == "true" || name == "True") {
    result->value = true;
  } else if (name == "false" || name == "False") {
    result->value = false;
  } else if (name == "none" || name == "None") {
    result->value = nullptr;
  } else {
    result->kind = NodeKind::variable;
    result->name = name;
  }
  return result;
}

NodePointer Parser::number() {
  NodePointer result = node(NodeKind::constant, now().line);
  const TemplateToken& token = tokens_[at_++];
  const char* const end = token.text.data() + token.text.size();
  if (token.type == Type::real) {
    double value = 0.0;
    std::from_chars(token.text.data(), end, value);
    result->value = value;
    return result;
  }
  std::int64_t value = 0;
  if (std::from_chars(token.text.data(), end, value).ec != std::errc())
    refuse(token.line, fmt::format("{}: an integer must fit into 64 bits", token.text));
  result->value = value;
  return result;
}

NodePointer Parser::list() {
  NodePointer result = node(NodeKind::list, now().line);
  expect_symbol("[");
  while (!symbol("]")) {
    if (!result->children.empty()) expect_symbol(",");
    if (symbol("]")) break;
    add(*result, expression());
  }
  ++at_;
  return result;
}

NodePointer Parser::mapping() {
  NodePointer result = node(NodeKind::mapping, now().line);
  expect_symbol("{");
  while (!symbol("}")) {
    if (!result->children.empty()) expect_symbol(",");
    if (symbol("}")) break;
    add(*result, expression());
    expect_symbol(":");
    add(*result, expression());
  }
  ++at_;
  return result;
}

// Fields, elements and calls.
NodePointer Parser::postfix(NodePointer operand) {
  for (;;) {
    if (symbol(".")) {
      operand = field(std::move(operand));
    } else if (symbol("[")) {
      operand = element(std::move(operand));
    } else if (symbol("(")) {
      operand = call(std::move(operand));
    } else {
      return operand;
    }
  }
}

NodePointer Parser::filters_and_tests(NodePointer operand) {
  for (;;) {
    if (symbol("|")) {
      operand = filters(std::move(operand));
    } else if (word("is")) {
      operand = test(std::move(operand));
    } else if (symbol("(")) {
      operand = call(std::move(operand));
    } else {
      return operand;
    }
  }
}

NodePointer Parser::field(NodePointer operand) {
  const std::size_t line = now().line;
  ++at_;
  if (now().type == Type::integer) {
    NodePointer index = number();
    return binary(NodeKind::element, std::move(operand), std::move(index));
  }
  NodePointer result = node(NodeKind::attribute, line);
  result->name = expect_name();
  add(*result, std::move(operand));
  return result;
}

NodePointer Parser::element(NodePointer operand) {
  const std::size_t line = now().line;
  expect_symbol("[");
  NodePointer first = symbol(":") ? nullptr : expression();
  if (!symbol(":")) {
    if (!symbol("]")) refuse(line, "an index must be one expression or a slice");
    ++at_;
    return binary(NodeKind::element, std::move(operand), std::move(first));
  }
  NodePointer result = node(NodeKind::slice, line);
  add(*result, std::move(operand));
  add(*result, std::move(first));
  for (int part = 0; part < 2; ++part) {
    const bool given = skip_symbol(":") && !symbol(":") && !symbol("]");
    add(*result, given ? expression() : nullptr);
  }
  expect_symbol("]");
  return result;
}

NodePointer Parser::filters(NodePointer operand) {
  while (skip_symbol("|")) {
    NodePointer result = node(NodeKind::filter, now().line);
    result->name = expect_name();
    if (!is_filter(result->name))
      refuse(result->line, fmt::format("filter '{}' is not supported{}", result->name,
                                       parse::did_you_mean(result->name, filter_names())));
    add(*result, std::move(operand));
    if (symbol("(")) arguments(*result);
    operand = std::move(result);
  }
  return operand;
}

NodePointer Parser::test(NodePointer operand) {
  const std::size_t line = now().line;
  ++at_;
  const bool negated = skip_word("not");
  NodePointer result = node(NodeKind::test, line);
  result->name = expect_name();
  if (!is_test(result->name))
    refuse(line, fmt::format("test '{}' is not supported{}", result->name,
                             parse::did_you_mean(result->name, test_names())));
  add(*result, std::move(operand));
  const bool ends = word("else") || word("or") || word("and") || word("if");
  if (word("is")) refuse(line, "tests cannot be chained by 'is'");
  if (symbol("(")) {
    arguments(*result);
  } else if (!ends &&
             (now().type == Type::name || now().type == Type::string || now().type == Type::integer ||
              now().type == Type::real || symbol("[") || symbol("{"))) {
    add(*result, postfix(primary()));
  }
  if (!negated) return result;
  NodePointer negation = node(NodeKind::negation, line);
  add(*negation, std::move(result));
  return negation;
}

}  // namespace zofo::chat
