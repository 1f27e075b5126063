/// @file Unicode's White_Space property, the white space of the reference tokenizers.
#pragma once

#include <string_view>

namespace zofo::tokenize {

/// The members of White_Space as a character class of a pattern lists them. PCRE2's own `\s` also matches
/// U+180E, which the reference tokenizers treat as a symbol.
inline constexpr std::string_view kWhitespace =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

/// Whether a code point is in White_Space.
constexpr bool is_whitespace(char32_t code) {
  return (code >= 0x9 && code <= 0xD) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

}  // namespace zofo::tokenize
