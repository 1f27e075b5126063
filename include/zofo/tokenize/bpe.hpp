/// @file Byte-pair encoding of single words, as `tokenizer.json` describes it (model `BPE`).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/byte_alphabet.hpp"
#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

/// The options of a Bpe.
struct BpeOptions {
  bool byte_level = false;              ///< words are first spelled in the byte alphabet
  bool byte_fallback = false;           ///< an unknown character becomes its bytes' tokens <0x00> ... <0xFF>
  bool fuse_unknown = false;            ///< a run of unknown characters is one unknown token
  bool whole_words = false;             ///< a word that is itself a token is not merged (`ignore_merges`)
  std::optional<std::int32_t> unknown;  ///< the id of unknown characters; without it they are dropped
};

/// The spelling of the byte_fallback token of a byte: <0x00> ... <0xFF>.
std::string fallback_spelling(unsigned byte);

/// Words -> ids.
class Bpe {
 public:
  /// Throws Error naming the merge whose part or product the vocabulary lacks.
  Bpe(const Vocabulary& vocabulary, const std::vector<Merge>& merges, BpeOptions options);

  /// The ids of a word (valid UTF-8).
  std::vector<std::int32_t> ids_of(std::string_view word) const;

 private:
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view token) const;
  [[nodiscard]] std::vector<std::int32_t> characters(std::string_view word) const;
  bool append_bytes(std::string_view character, std::vector<std::int32_t>& symbols) const;

  StringMap<std::int32_t> ids_;
  MergeTable merges_;
  BpeOptions options_;
  ByteAlphabet alphabet_;
  std::array<std::optional<std::int32_t>, 256> fallback_;
};

}  // namespace zofo::tokenize
