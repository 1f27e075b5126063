/// @file The content of a SentencePiece model (`tokenizer.model`). Source: sentencepiece_model.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::tokenize {

/// A piece; `type` is numbered as TokenType.
struct Piece {
  std::string text;        ///< characters, spaces spelled U+2581
  float score = 0;         ///< rank: the pair with the highest score is merged first
  std::uint64_t type = 1;  ///< 1: an ordinary piece
};

/// Pieces by id, and the options that ids depend on, with the format's defaults.
struct SentencePieceModel {
  std::vector<Piece> pieces;             ///< by id
  std::uint64_t model_type = 1;          ///< 1 unigram, 2 byte pairs
  bool byte_fallback = false;            ///< unknown characters become bytes
  bool add_dummy_prefix = true;          ///< a space is put before a text
  bool remove_extra_whitespaces = true;  ///< runs of spaces become one
  bool escape_whitespaces = true;        ///< spaces are spelled U+2581

  /// Throws Error naming the piece or field that is broken or not supported.
  void check() const;

  /// The model in the format of `tokenizer.model`.
  std::string serialized() const;
};

/// Parses a model. Throws Error with the byte position, or naming the piece or field.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes);

}  // namespace zofo::tokenize
