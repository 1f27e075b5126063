/// @file A chat template as a tree of statements and expressions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zofo/chat/value.hpp"

namespace zofo::chat {

/// What a node is, and its children in their order; those in brackets may be null.
enum class NodeKind : std::uint8_t {
  body,          ///< statements
  text,          ///< `value`
  print,         ///< expression
  condition,     ///< statement: test, body, test, body, …, and the body of `else` if their number is odd
  loop,          ///< target, expression, [test], body, [body of `else`]
  set,           ///< target, expression
  set_block,     ///< target, body, [filters, whose first operand is null]
  filter_block,  ///< body, filters as in set_block
  macro,         ///< `name` (`words`: parameters): body, and the default values of the last parameters
  generation,    ///< body
  leave,         ///< `name`: break or continue
  constant,      ///< `value`
  variable,      ///< `name`
  list,          ///< elements; a tuple if `name` is "tuple"
  mapping,       ///< key, value, key, value, …
  attribute,     ///< operand.`name`
  element,       ///< operand[expression]
  slice,         ///< operand[[first]:[end]:[step]]
  call,          ///< callee, arguments
  filter,        ///< [operand] | `name`(arguments)
  test,          ///< operand is `name`(arguments)
  minus,         ///< operand
  plus,          ///< operand
  negation,      ///< not operand
  conjunction,   ///< left and right
  disjunction,   ///< left or right
  arithmetic,    ///< left `name` right
  join,          ///< operands ~ …
  comparison,    ///< operands, with `words` between them
  choice         ///< value if test else [value]: test, value, [value]
};

struct Node;
/// A node, owned by its parent.
using NodePointer = std::unique_ptr<Node>;

/// A node of the tree.
struct Node {
  NodeKind kind;
  std::size_t line;  ///< in the template, counted from 1
  std::string name = {};
  Value value = {};
  std::vector<std::string> words = {};
  std::vector<NodePointer> children = {};
  std::vector<std::pair<std::string, NodePointer>> named = {};  ///< arguments with names
  std::size_t depth = 1;  ///< of the tree below, which evaluation needs as stack
};

/// Reads a template. Throws Error naming the line of what is broken or not supported.
NodePointer parse_template(const std::string& source);

}  // namespace zofo::chat
