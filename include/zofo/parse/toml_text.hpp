/// @file Strings as TOML writes them.
#pragma once

#include <string>
#include <string_view>

namespace zofo::parse {

/// A string, or a key, as TOML writes it on one line: between single quotes where nothing must be escaped,
/// else between double quotes. (toml++ 3.3 writes a string with a line feed between triple quotes, even if
/// the string contains triple quotes.)
std::string toml_quoted(std::string_view text);

}  // namespace zofo::parse
