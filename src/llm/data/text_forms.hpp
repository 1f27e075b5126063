/// @file Normalisation of texts for the comparison of answers: characters, lower case, words, numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::data::detail {

/// The characters of valid UTF-8; every malformed byte becomes U+FFFD (the JSON parser accepts no such byte).
std::u32string characters(std::string_view text);

/// The lower-case letter of a capital of the Latin (to U+017F), Greek and Cyrillic alphabets; any other
/// character is returned unchanged.
char32_t lower_case(char32_t c);

/// The small letter of an ASCII capital; any other byte is returned unchanged.
inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The text without white space (blanks, tabs, line ends) at both ends.
std::string_view trimmed(std::string_view text);

/// ASCII punctuation, which the published scorers remove.
bool is_punctuation(char32_t c);

/// The words between white space.
std::vector<std::u32string> words(const std::u32string& text);

/// Words as UTF-8, separated by blanks.
std::string joined(const std::vector<std::u32string>& words);

/// A text in which each of the words a, an and the (in lower case) is replaced by a blank.
std::u32string without_articles(const std::u32string& text);

/// The number that a text represents in the grammar of Python's float(): a sign, digits with single
/// underscores between them, a point, an exponent; inf, infinity, nan. Empty for any other text.
std::optional<double> number(std::string text);

}  // namespace zofo::data::detail
