#include "zofo/tokenize/utf8.hpp"

#include <cstdint>
#include <cstring>

#include "zofo/core/error.hpp"

namespace zofo::tokenize::utf8 {

namespace {

using detail::byte_at, detail::sequence_length;

/// The second byte is enough to detect overlong forms, surrogates and code points above U+10FFFF.
bool second_byte_allowed(unsigned char first, unsigned char second) {
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
std::size_t valid_length(std::string_view text, std::size_t position) {
  const unsigned char first = byte_at(text, position);
  const std::size_t length = sequence_length(first);
  if (length == 0 || length > text.size() - position) return 0;
  if (length > 1 && !second_byte_allowed(first, byte_at(text, position + 1))) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, position + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool eight_ascii(const char* data) {
  std::uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return (word & 0x8080808080808080u) == 0;
}

}  // namespace

std::optional<std::size_t> first_invalid(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    if (text.size() - position >= 8 && eight_ascii(text.data() + position)) {
      position += 8;
      continue;
    }
    const std::size_t length = valid_length(text, position);
    if (length == 0) return position;
    position += length;
  }
  return std::nullopt;
}

void require_valid(std::string_view text, std::string_view what) {
  if (const auto bad = first_invalid(text)) {
    fail("{}: byte {} = 0x{:02X}: not valid UTF-8", what, *bad, byte_at(text, *bad));
  }
}

}  // namespace zofo::tokenize::utf8
