/// @file SentencePiece, the tokenizer of Llama 2 and Mistral, through its own library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/sentencepiece_model.hpp"
#include "zofo/tokenize/special_tokens.hpp"
#include "zofo/tokenize/token_bytes.hpp"
#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

/// Text <-> ids, equal to the library's. Where no piece has a space after another character, the library gets
/// words one by one and their ids are cached, which does not change the ids. Threads may share it.
class SentencePiece {
 public:
  /// Throws Error naming the piece or field that is broken, or with the library's message.
  explicit SentencePiece(SentencePieceModel model);

  /// The ids of `text`; control tokens written in it are recognised only with `parse_special`, and the text
  /// after one is encoded independently. Throws Error with the byte position when `text` is not valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const;

  /// The text of the ids, control tokens spelled out. Throws Error for an id without a token.
  std::string decode(std::span<const std::int32_t> ids) const { return bytes_.decode(ids); }

  /// The number of pieces.
  std::size_t size() const { return model_.pieces.size(); }

  /// The id of a piece in the vocabulary's own spelling (a space is U+2581), if there is one.
  std::optional<std::int32_t> id(std::string_view piece) const;

 private:
  void encode_plain(std::string_view text, std::vector<std::int32_t>& ids) const;
  [[nodiscard]] std::vector<std::int32_t> ids_of(std::string_view text) const;

  SentencePieceModel model_;
  bool by_words_;
  TokenBytes bytes_;
  StringMap<std::int32_t> ids_;
  SpecialTokens literals_;
  struct Library;  // SentencePiece's processor
  std::shared_ptr<Library> library_;
  mutable WordCaches caches_;
};

/// Reads a `tokenizer.model`. Throws Error naming the file and the problem.
SentencePiece read_sentencepiece(const std::filesystem::path& path);

}  // namespace zofo::tokenize
