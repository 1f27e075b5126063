/// @file Byte-level byte-pair encoding, the tokenizer of GPT-2, SmolLM2 and Llama 3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/byte_alphabet.hpp"
#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/special_tokens.hpp"
#include "zofo/tokenize/token_type.hpp"
#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

/// Text <-> token ids. The ids equal those of Hugging Face `tokenizers` with the same vocabulary. Threads may
/// share it.
class ByteBpe {
 public:
  /// `tokens[id]` and `merges[rank]` ("left right") in the byte alphabet's spelling, `token_types[id]` as
  /// TokenType (empty: all normal), the name of a Pretokenizer. Throws Error naming the entry: repeated or
  /// invalid tokens, merges outside the vocabulary, a wrong number or value of types, an unknown
  /// pretokenizer.
  ByteBpe(std::vector<std::string> tokens, const std::vector<std::string>& merges,
          std::vector<std::int64_t> token_types, const std::string& pretokenizer_name);

  /// The ids of `text`. Control tokens written in the text are recognised only with `parse_special`,
  /// user-defined ones always. Bytes that the vocabulary lacks are dropped, as in the reference. Throws Error
  /// with the byte position when `text` is not valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const;

  /// The bytes of the tokens, control tokens spelled out; ids that end inside a character give invalid UTF-8.
  /// They are the same whether the ids continue a text or not. Throws Error for an id outside the vocabulary.
  std::string decode(std::span<const std::int32_t> ids, bool continues = false) const;

  /// The number of tokens in the vocabulary.
  std::size_t size() const { return spellings_.size(); }

  /// The id of a token in the vocabulary's own spelling (a leading space is U+0120), if there is one.
  std::optional<std::int32_t> id(std::string_view token) const;

 private:
  void add_token(std::size_t index, std::int64_t type);
  void encode_plain(std::string_view text, WordCaches::Lease& cache, std::vector<std::int32_t>& ids) const;
  [[nodiscard]] std::vector<std::int32_t> merge_word(std::string_view word) const;

  ByteAlphabet alphabet_;
  std::vector<std::string> spellings_;  // in the byte alphabet
  std::vector<std::string> bytes_;      // as they appear in a text
  StringMap<std::int32_t> ids_;
  MergeTable merges_;
  Pretokenizer pretokenizer_;
  SpecialTokens user_literals_, all_literals_;
  std::array<std::int32_t, 256> byte_ids_{};
  mutable WordCaches caches_;
};

}  // namespace zofo::tokenize
