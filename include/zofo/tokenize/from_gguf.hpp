/// @file The tokenizer that a GGUF file carries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
#include "zofo/tokenize/sentencepiece.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::tokenize {

namespace detail {

/// The token whose id is stored under `key`.
template <class Gguf>
std::int32_t gguf_token(const Gguf& file, const std::string& key, std::size_t size) {
  const std::uint64_t id = file.unsigned_integer(key);
  require(id < size, "{} = {}: must be in [0, {})", key, id, size);
  return static_cast<std::int32_t>(id);
}

template <class Gguf>
bool gguf_flag(const Gguf& file, const std::string& key, bool otherwise) {
  return file.has(key) ? file.boolean(key) : otherwise;
}

template <class Gguf>
SequenceMarks gguf_marks(const Gguf& file, std::size_t size, bool bos_by_default) {
  const std::string eos = "tokenizer.ggml.eos_token_id";
  SequenceMarks marks;
  if (gguf_flag(file, "tokenizer.ggml.add_bos_token", bos_by_default))
    marks.bos = gguf_token(file, "tokenizer.ggml.bos_token_id", size);
  if (file.has(eos)) marks.eos = gguf_token(file, eos, size);
  return marks;
}

template <class Gguf>
ByteBpe gguf_byte_bpe(const Gguf& file) {
  std::vector<std::int64_t> types;
  if (file.has("tokenizer.ggml.token_type")) types = file.integers("tokenizer.ggml.token_type");
  return ByteBpe(file.strings("tokenizer.ggml.tokens"), file.strings("tokenizer.ggml.merges"),
                 std::move(types), file.string("tokenizer.ggml.pre"));
}

/// Scores and types are SentencePiece's own, so its model is put together again.
template <class Gguf>
SentencePiece gguf_sentencepiece(const Gguf& file) {
  const std::vector<std::string> tokens = file.strings("tokenizer.ggml.tokens");
  const std::vector<float> scores = file.floats("tokenizer.ggml.scores");
  const std::vector<std::int64_t> types = file.integers("tokenizer.ggml.token_type");
  require(
      scores.size() == tokens.size() && types.size() == tokens.size(),
      "tokenizer.ggml.scores and tokenizer.ggml.token_type: {} and {} entries, must be as many as tokens: {}",
      scores.size(), types.size(), tokens.size());
  SentencePieceModel model;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    require(types[i] >= 1 && types[i] <= 6, "tokenizer.ggml.token_type {} = {}: must be in [1, 6]", i,
            types[i]);
    model.pieces.push_back({tokens[i], scores[i], static_cast<std::uint64_t>(types[i])});
    model.byte_fallback |= types[i] == static_cast<std::int64_t>(TokenType::byte);
  }
  model.model_type = 2;
  model.add_dummy_prefix = gguf_flag(file, "tokenizer.ggml.add_space_prefix", true);
  model.remove_extra_whitespaces = gguf_flag(file, "tokenizer.ggml.remove_extra_whitespaces", false);
  return SentencePiece(std::move(model));
}

template <class Codec>
Tokenizer gguf_marked(Codec codec, const auto& file, bool bos_by_default) {
  require(!gguf_flag(file, "tokenizer.ggml.add_eos_token", false),
          "tokenizer.ggml.add_eos_token = true: tokens behind a text are not supported");
  const SequenceMarks marks = gguf_marks(file, codec.size(), bos_by_default);
  return Tokenizer(std::move(codec), marks);
}

}  // namespace detail

/// The tokenizer stored in a GGUF file: model `gpt2` (keys `tokenizer.ggml.{tokens,merges,token_type,pre}`;
/// types may be missing), which puts a token before texts where `add_bos_token` says so, or `llama` (keys
/// `tokenizer.ggml.{tokens,scores,token_type,add_space_prefix}`), which does unless `add_bos_token` denies
/// it. Throws Error naming the key: missing, of another type or value, or another model.
template <class Gguf>
Tokenizer from_gguf(const Gguf& file) {
  const std::string model = file.string("tokenizer.ggml.model");
  if (model == "llama") return detail::gguf_marked(detail::gguf_sentencepiece(file), file, true);
  require(
      model == "gpt2",
      "tokenizer.ggml.model = '{}': must be gpt2 (byte-level byte-pair encoding) or llama (SentencePiece)",
      model);
  return detail::gguf_marked(detail::gguf_byte_bpe(file), file, false);
}

}  // namespace zofo::tokenize
