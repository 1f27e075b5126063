/// @file A tokenizer made of the parts that `tokenizer.json` names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/tokenize/added_tokens.hpp"
#include "zofo/tokenize/bpe.hpp"
#include "zofo/tokenize/normalizer.hpp"
#include "zofo/tokenize/splitter.hpp"
#include "zofo/tokenize/token_bytes.hpp"
#include "zofo/tokenize/vocabulary.hpp"
#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

/// Finds added tokens in the raw text, normalizes the rest, finds the other added tokens in the normalized
/// text, splits the rest into words, and merges each word: the order and the ids of Hugging Face's
/// `tokenizers`. Threads may share it.
class Pipeline {
 public:
  /// The parts, in the order of their use.
  struct Parts {
    Vocabulary vocabulary;   ///< the model's tokens and the added ones
    AddedTokens raw;         ///< found in the text as it is given
    AddedTokens normalized;  ///< found in the normalized text
    Normalizer normalizer;   ///< applied between added tokens
    Splitter splitter;       ///< cuts normalized text into words
    Bpe bpe;                 ///< merges the symbols of a word
    TokenBytes bytes;        ///< for decode()
  };

  /// Takes the parts.
  explicit Pipeline(Parts parts) : parts_(std::move(parts)) {}

  /// The ids of `text`; special tokens written in it are recognised only with `parse_special`, other added
  /// tokens always. Throws Error with the byte position when `text` is not valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const;

  /// The text of the ids, added tokens spelled out. Changes of the normalizer remain, but the symbol for a
  /// space becomes a space, and a space that the encoder put before the text is removed, unless the ids
  /// continue a text. Throws Error for an id without a token.
  std::string decode(std::span<const std::int32_t> ids, bool continues = false) const {
    return parts_.bytes.decode(ids, continues);
  }

  /// One more than the largest id.
  std::size_t size() const { return parts_.vocabulary.size(); }

  /// The id of a token in the vocabulary's own spelling, if there is one.
  std::optional<std::int32_t> id(std::string_view token) const { return parts_.vocabulary.id(token); }

 private:
  Parts parts_;
  mutable WordCaches caches_;
};

}  // namespace zofo::tokenize
