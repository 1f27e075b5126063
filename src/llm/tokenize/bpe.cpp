#include "zofo/tokenize/bpe.hpp"

#include <cstddef>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

std::string fallback_spelling(unsigned byte) { return fmt::format("<0x{:02X}>", byte); }

Bpe::Bpe(const Vocabulary& vocabulary, const std::vector<Merge>& merges, BpeOptions options)
    : ids_(vocabulary.ids()), merges_(merges, ids_), options_(options) {
  for (unsigned byte = 0; byte < 256; ++byte) fallback_[byte] = find(fallback_spelling(byte));
}

std::vector<std::int32_t> Bpe::ids_of(std::string_view word) const {
  std::string spelling;
  if (options_.byte_level) {
    spelling = alphabet_.spell(word);
    word = spelling;
  }
  if (options_.whole_words) {
    if (const auto whole = find(word)) return {*whole};
  }
  std::vector<std::int32_t> symbols = characters(word);
  merges_.apply(symbols);
  return symbols;
}

std::optional<std::int32_t> Bpe::find(std::string_view token) const {
  const std::int32_t* const found = ids_.find(token);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

/// The ids of the characters of a word, before merging.
std::vector<std::int32_t> Bpe::characters(std::string_view word) const {
  std::vector<std::int32_t> symbols;
  bool pending = false;  // an unknown token that is appended before the next known character
  for (std::size_t position = 0; position < word.size();) {
    const std::size_t start = position;
    utf8::next(word, position);
    const std::string_view character = word.substr(start, position - start);
    if (const auto known = find(character)) {
      if (std::exchange(pending, false)) symbols.push_back(*options_.unknown);
      symbols.push_back(*known);
    } else if (!append_bytes(character, symbols) && options_.unknown) {
      // As in the reference, bytes may be appended before a pending unknown token.
      if (std::exchange(pending, true) && !options_.fuse_unknown) symbols.push_back(*options_.unknown);
    }
  }
  if (pending) symbols.push_back(*options_.unknown);
  return symbols;
}

/// Appends the byte_fallback tokens of a character. Returns false, with nothing appended, when one of the
/// bytes has no token.
bool Bpe::append_bytes(std::string_view character, std::vector<std::int32_t>& symbols) const {
  if (!options_.byte_fallback) return false;
  for (const char byte : character) {
    if (!fallback_[static_cast<unsigned char>(byte)]) return false;
  }
  for (const char byte : character) symbols.push_back(*fallback_[static_cast<unsigned char>(byte)]);
  return true;
}

}  // namespace zofo::tokenize
