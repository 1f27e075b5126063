/// @file The alphabet in which byte-level vocabularies are spelled: one printable character for each of the
/// 256 bytes, e.g. U+0120 for a space. Source: GPT-2's bytes_to_unicode (Radford et al. 2019).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zofo::tokenize {

/// The two-way map between bytes and their printable characters.
class ByteAlphabet {
 public:
  /// Builds the map.
  ByteAlphabet();

  /// The spelling of one byte.
  const std::string& letter(unsigned char byte) const { return letters_[byte]; }

  /// The spelling of raw bytes.
  std::string spell(std::string_view bytes) const;

  /// The raw bytes of a spelling (valid UTF-8); empty when a character is outside the alphabet.
  std::optional<std::string> bytes(std::string_view spelling) const;

 private:
  std::array<std::string, 256> letters_;
  static constexpr std::int16_t none = -1;
  // By letter: 188 bytes have their own, the other 68 those from U+0100.
  std::array<std::int16_t, 0x144> bytes_{};
};

}  // namespace zofo::tokenize
