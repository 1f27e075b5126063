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

#include "zofo/tokenize/added_tokens.hpp"
#include "zofo/tokenize/sentencepiece_model.hpp"
#include "zofo/tokenize/token_bytes.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"
#include "zofo/tokenize/vocabulary.hpp"
#include "zofo/tokenize/word_cache.hpp"

namespace zofo::tokenize {

/// Whether the space that the model puts before a text also stands before the text after a token that is
/// found in it: always, only before a text that does not begin with one, or never.
enum class AfterToken { space, space_if_none, nothing };

/// What a checkpoint adds to its SentencePiece model.
struct SentencePieceOptions {
  std::vector<AddedToken> added{};             ///< tokens that the model lacks, or finds in no text
  AfterToken after_token = AfterToken::space;  ///< the space after tokens found in a text
  bool user_defined_apart = false;             ///< user-defined pieces are such tokens, too
};

/// Text <-> ids, equal to the library's. Where no piece has a space after another character, the library gets
/// words one by one and their ids are cached, which does not change the ids. Threads may share it.
class SentencePiece {
 public:
  /// Throws Error naming the piece or field that is broken, or with the library's message.
  explicit SentencePiece(SentencePieceModel model, SentencePieceOptions options = {});

  /// The ids of `text`; control tokens written in it are recognised only with `parse_special`, and the text
  /// after one is encoded independently. Throws Error with the byte position when `text` is not valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = false) const;

  /// The text of the ids, control tokens spelled out; the space that the model puts before a text is removed,
  /// unless the ids continue a text. Throws Error for an id without a token.
  std::string decode(std::span<const std::int32_t> ids, bool continues = false) const {
    return bytes_.decode(ids, continues);
  }

  /// One more than the largest id.
  std::size_t size() const { return vocabulary_.size(); }

  /// The id of a piece in the vocabulary's own spelling (a space is U+2581), if there is one.
  std::optional<std::int32_t> id(std::string_view piece) const { return vocabulary_.id(piece); }

 private:
  struct Library;  // SentencePiece's processor

  void encode_plain(std::string_view text, bool space, std::vector<std::int32_t>& ids) const;
  [[nodiscard]] static std::vector<std::int32_t> ids_of(const Library& library, std::string_view text);

  SentencePieceModel model_;
  bool by_words_;
  AfterToken after_token_;
  Vocabulary vocabulary_;
  TokenBytes bytes_;
  AddedTokens tokens_;
  std::shared_ptr<const Library> library_;   // of whole texts, or of words
  std::shared_ptr<const Library> no_space_;  // of whole texts without a space before them
  mutable WordCaches caches_;
};

/// Reads a `tokenizer.model`, to which a configuration's tokens are added. The text after such a token has
/// the space that transformers gives it (TokenizerConfig::legacy). Throws Error naming the file and the
/// problem.
SentencePiece read_sentencepiece(const std::filesystem::path& path, const TokenizerConfig& config = {});

}  // namespace zofo::tokenize
