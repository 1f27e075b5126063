#include <algorithm>
#include <array>

#include "llm/chat/parser.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

constexpr std::size_t most_nested = 60;    // statements and brackets of a template around another
constexpr std::size_t deepest_tree = 160;  // of the tree, which a long sum also deepens

constexpr std::array<std::string_view, 10> other_statements{
    "extends", "include", "import", "from", "block", "call", "with", "do", "autoescape", "print"};

}  // namespace

Parser::Nested::Nested(Parser& parser) : parser_(parser) {
  if (++parser_.nesting_ > most_nested)
    parser_.refuse(parser_.now().line, fmt::format("nested deeper than {} levels", most_nested));
}

Parser::Parser(const std::string& source) : tokens_(template_tokens(source)) {}

void Parser::refuse(std::size_t line, const std::string& message) const {
  fail("line {}: {}", line, message);
}

bool Parser::symbol(std::string_view text) const { return now().type == Type::symbol && now().text == text; }
bool Parser::word(std::string_view text) const { return now().type == Type::name && now().text == text; }

bool Parser::skip_symbol(std::string_view text) {
  const bool is = symbol(text);
  if (is) ++at_;
  return is;
}

bool Parser::skip_word(std::string_view text) {
  const bool is = word(text);
  if (is) ++at_;
  return is;
}

void Parser::expect_symbol(std::string_view text) {
  if (!skip_symbol(text)) refuse(now().line, fmt::format("'{}' instead of '{}'", now().text, text));
}

std::string Parser::expect_name() {
  if (now().type != Type::name) refuse(now().line, fmt::format("'{}' instead of a name", now().text));
  return tokens_[at_++].text;
}

void Parser::expect_block_end() {
  if (now().type != Type::block_end) refuse(now().line, fmt::format("'{}' instead of '%}}'", now().text));
  ++at_;
}

NodePointer Parser::node(NodeKind kind, std::size_t line) {
  return std::make_unique<Node>(Node{.kind = kind, .line = line});
}

void Parser::add(Node& parent, NodePointer child) {
  if (child) parent.depth = std::max(parent.depth, child->depth + 1);
  if (parent.depth > deepest_tree)
    refuse(parent.line, fmt::format("an expression of more than {} operations or levels", deepest_tree));
  parent.children.push_back(std::move(child));
}

NodePointer Parser::run() {
  NodePointer all = body({});
  if (now().type != Type::end) refuse(now().line, fmt::format("unexpected '{}'", now().text));
  return all;
}

// Stops after "{%" where one of `ends` follows; these stay.
NodePointer Parser::body(std::initializer_list<std::string_view> ends) {
  const Nested nested(*this);
  NodePointer statements = node(NodeKind::body, now().line);
  for (;;) {
    const TemplateToken& token = now();
    if (token.type == Type::end) {
      if (ends.size() > 0)
        refuse(statements->line, fmt::format("the block that begins here has no {}", *(ends.end() - 1)));
      return statements;
    }
    ++at_;
    if (token.type == Type::text) {
      NodePointer text = node(NodeKind::text, token.line);
      text->value = token.text;
      add(*statements, std::move(text));
    } else if (token.type == Type::print_begin) {
      NodePointer print = node(NodeKind::print, token.line);
      add(*print, tuple(true));
      if (now().type != Type::print_end)
        refuse(now().line, fmt::format("'{}' instead of '}}}}'", now().text));
      ++at_;
      add(*statements, std::move(print));
    } else {  // the lexer closes every tag, so that this one is a block's beginning
      if (std::ranges::any_of(ends, [&](std::string_view end) { return word(end); })) return statements;
      add(*statements, statement());
    }
  }
}

NodePointer Parser::statement() {
  const std::string& name = now().text;
  if (now().type != Type::name) refuse(now().line, fmt::format("'{}' instead of a statement", name));
  if (name == "if") return condition();
  if (name == "for") return loop();
  if (name == "set") return set();
  if (name == "macro") return macro();
  if (name == "filter") return filter_block();
  if (name == "generation") return generation();
  if (name == "break" || name == "continue") return leave();
  const bool known = std::ranges::find(other_statements, name) != other_statements.end();
  refuse(now().line, fmt::format("statement '{}' {}", name, known ? "is not supported" : "is unknown"));
}

NodePointer Parser::condition() {
  NodePointer result = node(NodeKind::condition, now().line);
  while (skip_word("if") || skip_word("elif")) {
    add(*result, tuple(false));
    expect_block_end();
    add(*result, body({"elif", "else", "endif"}));
  }
  if (skip_word("else")) {
    expect_block_end();
    add(*result, body({"endif"}));
  }
  ++at_;  // endif
  expect_block_end();
  return result;
}

NodePointer Parser::loop() {
  NodePointer result = node(NodeKind::loop, now().line);
  ++at_;
  add(*result, target(false));
  if (!skip_word("in")) refuse(now().line, fmt::format("'{}' instead of 'in'", now().text));
  add(*result, tuple(false));
  add(*result, skip_word("if") ? expression() : nullptr);
  if (word("recursive")) refuse(now().line, "a recursive loop is not supported");
  expect_block_end();
  ++loops_;
  add(*result, body({"else", "endfor"}));
  --loops_;
  if (skip_word("else")) {
    expect_block_end();
    add(*result, body({"endfor"}));
  }
  ++at_;  // endfor
  expect_block_end();
  return result;
}

NodePointer Parser::set() {
  const std::size_t line = now().line;
  ++at_;
  NodePointer left = target(true);
  NodePointer result = node(symbol("=") ? NodeKind::set : NodeKind::set_block, line);
  add(*result, std::move(left));
  if (skip_symbol("=")) {
    add(*result, tuple(true));
    expect_block_end();
    return result;
  }
  NodePointer filter = symbol("|") ? filters(nullptr) : nullptr;
  expect_block_end();
  add(*result, body({"endset"}));
  add(*result, std::move(filter));
  ++at_;  // endset
  expect_block_end();
  return result;
}

// A name, a field of a namespace (with `with_fields`), or several of them.
NodePointer Parser::target(bool with_fields) {
  NodePointer first = target_part(with_fields);
  if (!symbol(",")) return first;
  NodePointer all = node(NodeKind::list, first->line);
  add(*all, std::move(first));
  while (skip_symbol(",") && (now().type == Type::name || symbol("(")) && !word("in"))
    add(*all, target_part(with_fields));
  return all;
}

NodePointer Parser::target_part(bool with_fields) {
  const Nested nested(*this);
  if (skip_symbol("(")) {
    NodePointer inner = target(with_fields);
    expect_symbol(")");
    return inner;
  }
  static constexpr std::array<std::string_view, 7> taken{"true",  "false", "none", "True",
                                                         "False", "None",  "loop"};
  NodePointer result = node(NodeKind::variable, now().line);
  result->name = expect_name();
  if (std::ranges::find(taken, result->name) != taken.end())
    refuse(result->line, fmt::format("'{}' cannot be assigned", result->name));
  if (!with_fields || !symbol(".")) return result;
  ++at_;
  NodePointer field = node(NodeKind::attribute, result->line);
  add(*field, std::move(result));
  field->name = expect_name();
  return field;
}

void Parser::parameters(Node& macro) {
  expect_symbol("(");
  while (!symbol(")")) {
    if (!macro.words.empty()) expect_symbol(",");
    if (symbol(")")) break;
    macro.words.push_back(expect_name());
    if (skip_symbol("="))
      add(macro, expression());
    else if (macro.children.size() > 1)
      refuse(now().line, fmt::format("parameter '{}' of a macro needs a default value, as those before it",
                                     macro.words.back()));
  }
  ++at_;
}

NodePointer Parser::macro() {
  NodePointer result = node(NodeKind::macro, now().line);
  ++at_;
  result->name = expect_name();
  result->children.push_back(nullptr);  // the body, which is read after the parameters
  parameters(*result);
  expect_block_end();
  const std::size_t outer_loops = std::exchange(loops_, 0);
  NodePointer inside = body({"endmacro"});
  loops_ = outer_loops;
  result->depth = std::max(result->depth, inside->depth + 1);
  result->children[0] = std::move(inside);
  ++at_;  // endmacro
  expect_block_end();
  return result;
}

NodePointer Parser::filter_block() {
  NodePointer result = node(NodeKind::filter_block, now().line);
  tokens_[at_] = {Type::symbol, "|", result->line};  // "filter upper" applies "| upper"
  NodePointer filter = filters(nullptr);
  expect_block_end();
  add(*result, body({"endfilter"}));
  add(*result, std::move(filter));
  ++at_;  // endfilter
  expect_block_end();
  return result;
}

NodePointer Parser::generation() {
  NodePointer result = node(NodeKind::generation, now().line);
  ++at_;
  expect_block_end();
  const std::size_t outer_loops = std::exchange(loops_, 0);
  add(*result, body({"endgeneration"}));
  loops_ = outer_loops;
  ++at_;  // endgeneration
  expect_block_end();
  return result;
}

NodePointer Parser::leave() {
  NodePointer result = node(NodeKind::leave, now().line);
  result->name = now().text;
  if (loops_ == 0) refuse(result->line, fmt::format("'{}' outside of a loop", result->name));
  ++at_;
  expect_block_end();
  return result;
}

NodePointer Parser::call(NodePointer callee) {
  NodePointer result = node(NodeKind::call, now().line);
  add(*result, std::move(callee));
  arguments(*result);
  return result;
}

void Parser::arguments(Node& call) {
  expect_symbol("(");
  bool first = true;
  while (!symbol(")")) {
    if (!first) expect_symbol(",");
    if (symbol(")")) break;
    first = false;
    if (symbol("*") || symbol("**")) refuse(now().line, "unpacked arguments are not supported");
    const TemplateToken& after = tokens_[at_ + 1];
    if (now().type == Type::name && after.type == Type::symbol && after.text == "=") {
      std::string name = now().text;
      at_ += 2;
      NodePointer value = expression();
      call.depth = std::max(call.depth, value->depth + 1);
      call.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (!call.named.empty()) refuse(now().line, "an argument without a name after one with a name");
      add(call, expression());
    }
  }
  ++at_;
}

NodePointer parse_template(const std::string& source) { return Parser(source).run(); }

}  // namespace zofo::chat
