/// @file UTF-8: checking, reading and writing single code points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::tokenize::utf8 {

namespace detail {

inline unsigned char byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

/// The bytes a sequence has by its first byte, 0 for a byte that starts none (Unicode 15, table 3-7).
inline std::size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

/// Overlong forms, surrogates and code points above U+10FFFF all show in the second byte.
inline bool second_byte_allowed(unsigned char first, unsigned char second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return (second & 0xC0) == 0x80;
  }
}

/// The length of the valid sequence at `position`, 0 when none starts there.
inline std::size_t valid_length(std::string_view text, std::size_t position) {
  const unsigned char first = byte_at(text, position);
  const std::size_t length = sequence_length(first);
  if (length == 0 || length > text.size() - position) return 0;
  if (length > 1 && !second_byte_allowed(first, byte_at(text, position + 1))) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, position + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

inline bool eight_ascii(const char* data) {
  std::uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return (word & 0x8080808080808080u) == 0;
}

}  // namespace detail

/// The position of the first byte that is no part of valid UTF-8 (the start of the broken sequence), if any.
inline std::optional<std::size_t> first_invalid(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    if (text.size() - position >= 8 && detail::eight_ascii(text.data() + position)) {
      position += 8;
      continue;
    }
    const std::size_t length = detail::valid_length(text, position);
    if (length == 0) return position;
    position += length;
  }
  return std::nullopt;
}

/// Throws Error with the byte position and value unless `text` is valid UTF-8; `what` names it in the
/// message.
inline void require_valid(std::string_view text, std::string_view what) {
  if (const auto bad = first_invalid(text)) {
    fail("{}: byte {} = 0x{:02X}: not valid UTF-8", what, *bad, detail::byte_at(text, *bad));
  }
}

/// Reads the code point at `position` of valid UTF-8 and moves `position` behind it.
inline char32_t next(std::string_view text, std::size_t& position) {
  const unsigned char first = detail::byte_at(text, position);
  const std::size_t length = detail::sequence_length(first);
  char32_t code = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (detail::byte_at(text, position + i) & 0x3Fu);
  position += length;
  return code;
}

/// Appends a code point (at most U+10FFFF and no surrogate) to `text`.
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
