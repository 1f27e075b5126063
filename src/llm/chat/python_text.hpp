/// @file Operations on texts as Python's str has them: by code points, not bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::chat {

/// Whether Python counts a code point as white space (str.isspace, `\s`).
constexpr bool is_space(char32_t code) {
  return (code >= 0x9 && code <= 0xD) || (code >= 0x1C && code <= 0x20) || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

/// Whether every byte is ASCII.
bool is_ascii(std::string_view text);
/// The code points of valid UTF-8, and the text of code points.
std::u32string code_points(std::string_view text);
std::string text_of(std::u32string_view points);

/// The number of code points.
std::size_t length_of(std::string_view text);

/// The text without the white space, or the code points of `characters`, at its ends.
std::string_view stripped(std::string_view text, const std::optional<std::u32string>& characters, bool left,
                          bool right);

/// Upper and lower case, code point by code point; a letter with an upper case of several keeps its own, but
/// ß becomes SS.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// The first letter in upper case, the others in lower case; of the text, and of each word (a run of
/// letters).
std::string capitalised(std::string_view text);
std::string titled(std::string_view text);

/// The parts between `separator` (runs of white space without one), at most `splits` + 1 from the left, or
/// from the right.
std::vector<std::string> split(std::string_view text, const std::optional<std::string>& separator,
                               std::size_t splits, bool from_right);
/// The lines without their ends.
std::vector<std::string> split_lines(std::string_view text);

/// The text with at most `most` occurrences of `from` replaced.
std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::size_t most);
/// How often `part` occurs without overlap.
std::size_t occurrences(std::string_view text, std::string_view part);

/// Python's repr of a text, and of a number.
std::string repr_of(std::string_view text);
std::string number_text(double value);

}  // namespace zofo::chat
