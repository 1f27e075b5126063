/// @file Byte-pair encoding of one word, as `tokenizer.json` describes it (model `BPE`).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/byte_alphabet.hpp"
#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/utf8.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

/// What a Bpe does besides merging.
struct BpeOptions {
  bool byte_level = false;              ///< words are spelled in the byte alphabet first
  bool byte_fallback = false;           ///< an unknown character becomes its bytes' tokens <0x00> ... <0xFF>
  bool fuse_unknown = false;            ///< a run of unknown characters is one unknown token
  bool whole_words = false;             ///< a word that is itself a token is not merged (`ignore_merges`)
  std::optional<std::int32_t> unknown;  ///< stands for unknown characters; without it they are dropped
};

/// The token of byte_fallback for a byte.
inline std::string fallback_spelling(unsigned byte) { return fmt::format("<0x{:02X}>", byte); }

/// Words -> ids.
class Bpe {
 public:
  /// Throws Error naming the merge whose part or product the vocabulary lacks.
  Bpe(const Vocabulary& vocabulary, const std::vector<Merge>& merges, BpeOptions options)
      : ids_(vocabulary.ids()), merges_(merges, ids_), options_(options) {
    for (unsigned byte = 0; byte < 256; ++byte) fallback_[byte] = find(fallback_spelling(byte));
  }

  /// The ids of a word (valid UTF-8).
  std::vector<std::int32_t> ids_of(std::string_view word) const {
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

 private:
  std::optional<std::int32_t> find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<std::int32_t> characters(std::string_view word) const {
    std::vector<std::int32_t> symbols;
    bool pending = false;  // an unknown token that the next known character will close
    for (std::size_t position = 0; position < word.size();) {
      const std::size_t start = position;
      utf8::next(word, position);
      const std::string_view character = word.substr(start, position - start);
      if (const auto known = find(character)) {
        if (std::exchange(pending, false)) symbols.push_back(*options_.unknown);
        symbols.push_back(*known);
      } else if (!append_bytes(character, symbols) && options_.unknown) {
        // The reference lets bytes pass a pending unknown token, so does this.
        if (std::exchange(pending, true) && !options_.fuse_unknown) symbols.push_back(*options_.unknown);
      }
    }
    if (pending) symbols.push_back(*options_.unknown);
    return symbols;
  }

  /// False, with nothing appended, when one of the bytes has no token.
  bool append_bytes(std::string_view character, std::vector<std::int32_t>& symbols) const {
    if (!options_.byte_fallback) return false;
    for (const char byte : character) {
      if (!fallback_[static_cast<unsigned char>(byte)]) return false;
    }
    for (const char byte : character) symbols.push_back(*fallback_[static_cast<unsigned char>(byte)]);
    return true;
  }

  StringMap<std::int32_t> ids_;
  MergeTable merges_;
  BpeOptions options_;
  ByteAlphabet alphabet_;
  std::array<std::optional<std::int32_t>, 256> fallback_;
};

}  // namespace zofo::tokenize
