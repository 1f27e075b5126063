/// @file Parses TOML from untrusted sources. Input that makes toml++ 3.3 overflow the stack or behave in an
/// undefined way is refused. This header includes toml++, which is slow to compile: include it in .cpp files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::parse::detail {

/// Called for a failed assertion inside toml++ 3.3, which some broken files cause before the parser reports
/// them. Throws Error.
[[noreturn]] void toml_assertion_failed(std::string_view condition);

}  // namespace zofo::parse::detail

#ifndef TOML_ASSERT
/// A setting of toml++; with NDEBUG its default checks nothing. Every file of this library includes toml++
/// through this header, so that all use the same setting.
#define TOML_ASSERT(expression) \
  ((expression) ? void() : ::zofo::parse::detail::toml_assertion_failed(#expression))
#endif
#include <toml++/toml.h>

namespace zofo::parse {

/// The number of parts that a dotted key of a TOML file may have (a.b.c has three).
inline constexpr std::size_t longest_toml_key = 16;

/// Parses `text` into a table; `name` names it in error messages. Throws Error with name and line for invalid
/// TOML, for keys of more than longest_toml_key parts, and for non-ASCII characters outside of strings and
/// comments or after a '\' that ends a line of a string.
toml::table parse_toml(std::string_view text, const std::string& name);

/// Parses a file into a table. Throws Error as parse_toml does, and when the file cannot be read.
toml::table read_toml(const std::filesystem::path& path);

}  // namespace zofo::parse
