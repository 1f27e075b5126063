/// @file The alphabet in which byte-level vocabularies are spelled: a printable character for each of the 256
/// bytes. Source: GPT-2's bytes_to_unicode (Radford et al. 2019), e.g. a blank is spelled U+0120.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

/// The two-way map between bytes and their printable characters.
class ByteAlphabet {
 public:
  ByteAlphabet() {
    char32_t substitute = 0x100;  // bytes without a glyph of their own take U+0100, U+0101, ... in order
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t letter = printable(byte) ? static_cast<char32_t>(byte) : substitute++;
      utf8::append(letters_[byte], letter);
      bytes_.emplace(letter, static_cast<char>(byte));
    }
  }

  /// The spelling of one byte.
  const std::string& letter(unsigned char byte) const { return letters_[byte]; }

  /// The spelling of raw bytes.
  std::string spell(std::string_view bytes) const {
    std::string spelling;
    for (const char byte : bytes) spelling += letter(static_cast<unsigned char>(byte));
    return spelling;
  }

  /// The raw bytes of a spelling (valid UTF-8); nothing when a character is outside the alphabet.
  std::optional<std::string> bytes(std::string_view spelling) const {
    std::string bytes;
    for (std::size_t position = 0; position < spelling.size();) {
      const auto found = bytes_.find(utf8::next(spelling, position));
      if (found == bytes_.end()) return std::nullopt;
      bytes += found->second;
    }
    return bytes;
  }

 private:
  static bool printable(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
  }

  std::array<std::string, 256> letters_;
  std::unordered_map<char32_t, char> bytes_;
};

}  // namespace zofo::tokenize
