/// @file Translates patterns of Oniguruma, the engine of the reference tokenizers, to PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace zofo::tokenize {

/// Returns the pattern with the same matches for `Pattern`. Throws Error naming the pattern, the offset and
/// the construct that has no equivalent.
std::string from_oniguruma(std::string_view pattern);

/// Returns a pattern that matches exactly `text`.
std::string literal_pattern(std::string_view text);

}  // namespace zofo::tokenize
