#include "zofo/tokenize/from_gguf.hpp"

#include <cstddef>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
#include "zofo/tokenize/sentencepiece.hpp"
#include "zofo/tokenize/token_type.hpp"

namespace zofo::tokenize {

namespace {

using detail::GgufKeys;

/// The token whose id is stored under `key`.
std::int32_t gguf_token(const GgufKeys& file, const std::string& key, std::size_t size) {
  const std::uint64_t id = file.unsigned_integer(key);
  require(id < size, "{} = {}: must be in [0, {})", key, id, size);
  return static_cast<std::int32_t>(id);
}

bool gguf_flag(const GgufKeys& file, const std::string& key, bool otherwise) {
  return file.has(key) ? file.boolean(key) : otherwise;
}

SequenceMarks gguf_marks(const GgufKeys& file, std::size_t size, bool bos_by_default) {
  const std::string eos = "tokenizer.ggml.eos_token_id";
  SequenceMarks marks;
  if (gguf_flag(file, "tokenizer.ggml.add_bos_token", bos_by_default))
    marks.bos = gguf_token(file, "tokenizer.ggml.bos_token_id", size);
  if (file.has(eos)) marks.eos = gguf_token(file, eos, size);
  return marks;
}

ByteBpe gguf_byte_bpe(const GgufKeys& file) {
  std::vector<std::int64_t> types;
  if (file.has("tokenizer.ggml.token_type")) types = file.integers("tokenizer.ggml.token_type");
  return ByteBpe(file.strings("tokenizer.ggml.tokens"), file.strings("tokenizer.ggml.merges"),
                 std::move(types), file.string("tokenizer.ggml.pre"));
}

/// Rebuilds the SentencePiece model from its pieces, scores and types, which the file copies unchanged.
SentencePiece gguf_sentencepiece(const GgufKeys& file) {
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
Tokenizer gguf_marked(Codec codec, const GgufKeys& file, bool bos_by_default) {
  require(!gguf_flag(file, "tokenizer.ggml.add_eos_token", false),
          "tokenizer.ggml.add_eos_token = true: must be false: tokens after a text are not supported");
  const SequenceMarks marks = gguf_marks(file, codec.size(), bos_by_default);
  return Tokenizer(std::move(codec), marks);
}

}  // namespace

Tokenizer detail::tokenizer_of(const GgufKeys& file) {
  const std::string model = file.string("tokenizer.ggml.model");
  if (model == "llama") return gguf_marked(gguf_sentencepiece(file), file, true);
  require(
      model == "gpt2",
      "tokenizer.ggml.model = '{}': must be gpt2 (byte-level byte-pair encoding) or llama (SentencePiece)",
      model);
  return gguf_marked(gguf_byte_bpe(file), file, false);
}

}  // namespace zofo::tokenize
