#include "zofo/tokenize/byte_alphabet.hpp"

#include <cstddef>

#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

bool printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

}  // namespace

ByteAlphabet::ByteAlphabet() {
  bytes_.fill(none);
  char32_t substitute = 0x100;  // bytes without a glyph of their own get U+0100, U+0101, ... in order
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t letter = printable(byte) ? static_cast<char32_t>(byte) : substitute++;
    utf8::append(letters_[byte], letter);
    bytes_.at(letter) = static_cast<std::int16_t>(byte);
  }
}

std::string ByteAlphabet::spell(std::string_view bytes) const {
  std::string spelling;
  for (const char byte : bytes) spelling += letter(static_cast<unsigned char>(byte));
  return spelling;
}

std::optional<std::string> ByteAlphabet::bytes(std::string_view spelling) const {
  std::string bytes;
  for (std::size_t position = 0; position < spelling.size();) {
    const char32_t letter = utf8::next(spelling, position);
    if (letter >= bytes_.size() || bytes_[letter] == none) return std::nullopt;
    bytes += static_cast<char>(bytes_[letter]);
  }
  return bytes;
}

}  // namespace zofo::tokenize
