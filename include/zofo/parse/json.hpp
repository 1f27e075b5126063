/// @file Parses JSON from untrusted sources: bounded nesting, no duplicate keys, short printable messages.
/// Callers that use the parsed value include <nlohmann/json.hpp>.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace zofo::parse {

/// The number of nested objects and arrays that a document may have. The JSON library copies and prints
/// values recursively, so the nesting bounds the stack.
inline constexpr int deepest_json = 64;

/// Returns a value as ASCII for a message, at most about 100 characters long.
std::string shown(const nlohmann::json& value);

/// A value as a text of UTF-8, as files and outputs have it: in one line, or `indent` blanks a level. Paths
/// and arguments are bytes; those that are no UTF-8 become U+FFFD.
std::string json_text(const nlohmann::json& value, int indent = -1);

/// Parses a UTF-8 document. Throws Error with the byte position for invalid JSON, for a document nested
/// deeper than deepest_json, and for an object with a duplicate key.
nlohmann::json parse_json(std::string_view text);

/// The same with the keys of objects in the document's order.
nlohmann::ordered_json parse_ordered_json(std::string_view text);

}  // namespace zofo::parse
