/// @file UTF-8: validation, and reading and writing single code points.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace zofo::tokenize::utf8 {

namespace detail {

/// The byte at `position` as an unsigned value.
inline unsigned char byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

/// The length of a sequence by its first byte, 0 for a byte that starts none (Unicode 15, table 3-7).
inline std::size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

}  // namespace detail

/// The position of the first byte that is not part of valid UTF-8 (the start of the broken sequence), if any.
std::optional<std::size_t> first_invalid(std::string_view text);

/// Throws Error with byte position and value unless `text` is valid UTF-8; `what` names it in the message.
void require_valid(std::string_view text, std::string_view what);

/// Returns the code point at `position` of valid UTF-8 and advances `position` past it.
inline char32_t next(std::string_view text, std::size_t& position) {
  const unsigned char first = detail::byte_at(text, position);
  const std::size_t length = detail::sequence_length(first);
  char32_t code = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (detail::byte_at(text, position + i) & 0x3Fu);
  position += length;
  return code;
}

/// Appends a code point (at most U+10FFFF, not a surrogate) to `text`.
inline void append(std::string& text, char32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // continuation bytes
  text += static_cast<char>((0xFF00u >> (tail + 1) & 0xFFu) | code >> (6 * tail));
  for (int i = tail - 1; i >= 0; --i) text += static_cast<char>(0x80u | (code >> (6 * i) & 0x3Fu));
}

}  // namespace zofo::tokenize::utf8
