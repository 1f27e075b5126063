/// @file A tokenizer put together from the parts that `tokenizer.json` names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/added_tokens.hpp"
#include "zofo/tokenize/bpe.hpp"
#include "zofo/tokenize/normalizer.hpp"
#include "zofo/tokenize/splitter.hpp"
#include "zofo/tokenize/token_bytes.hpp"
#include "zofo/tokenize/utf8.hpp"
#include "zofo/tokenize/vocabulary.hpp"
#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

/// Added tokens are found in the raw text, then the text is normalized, then other added tokens are found in
/// what came out, then words are cut, then merged: the order of Hugging Face's `tokenizers`, whose ids these
/// are. Safe to share between threads.
class Pipeline {
 public:
  /// The parts, in the order of their work.
  struct Parts {
    Vocabulary vocabulary;  ///< the model's tokens and the added ones
    AddedTokens raw, normalized;
    Normalizer normalizer;
    Splitter splitter;
    Bpe bpe;
    TokenBytes bytes;  ///< the way back
  };

  explicit Pipeline(Parts parts) : parts_(std::move(parts)) {}

  /// The ids of `text`; special tokens written in it are read only with `parse_special`, other added tokens
  /// always. Throws Error with the byte position when `text` is not valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const {
    utf8::require_valid(text, "text to tokenize");
    WordCaches::Lease cache(caches_);
    std::vector<std::int32_t> ids;
    const auto token = [&ids](std::int32_t id) { ids.push_back(id); };
    std::string own;
    parts_.raw.split(
        text, parse_special,
        [&](std::string_view stretch) {
          const bool first = stretch.data() == text.data();
          const std::string_view normal = parts_.normalizer.apply(stretch, own);
          parts_.normalized.split(
              normal, parse_special,
              [&](std::string_view piece) {
                append_words(piece, first && piece.data() == normal.data(), cache, ids);
              },
              token);
        },
        token);
    return ids;
  }

  /// The text of the ids, added tokens spelled out. What the normalizer changed stays changed, but the sign
  /// for a blank becomes a blank, and the one put before the text goes. Throws Error for an id that is no
  /// token.
  std::string decode(std::span<const std::int32_t> ids) const { return parts_.bytes.decode(ids); }

  /// One more than the largest id.
  std::size_t size() const { return parts_.vocabulary.size(); }

  /// The id of a token in the vocabulary's own spelling, if there is one.
  std::optional<std::int32_t> id(std::string_view token) const { return parts_.vocabulary.id(token); }

 private:
  void append_words(std::string_view text, bool first, WordCaches::Lease& cache,
                    std::vector<std::int32_t>& ids) const {
    parts_.splitter.for_each_word(text, first, [&](std::string_view word) {
      cache.append(word, ids, [this](std::string_view w) { return parts_.bpe.ids_of(w); });
    });
  }

  Parts parts_;
  mutable WordCaches caches_;
};

}  // namespace zofo::tokenize
