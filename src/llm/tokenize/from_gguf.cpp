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

ByteBpe gguf_byte_bpe(const GgufKeys& file) {
  return ByteBpe(file.strings("tokenizer.ggml.tokens"), file.strings("tokenizer.ggml.merges"),
                 detail::token_types_of(file), file.string("tokenizer.ggml.pre"));
}

template <class Codec>
Tokenizer gguf_marked(Codec codec, const GgufKeys& file, bool bos_by_default) {
  require(!gguf_flag(file, "tokenizer.ggml.add_eos_token", false),
          "tokenizer.ggml.add_eos_token = true: must be false: tokens after a text are not supported");
  SequenceMarks marks;
  if (gguf_flag(file, "tokenizer.ggml.add_bos_token", bos_by_default))
    marks.bos = gguf_token(file, "tokenizer.ggml.bos_token_id", codec.size());
  marks.eos = detail::token_id_of(file, "eos", codec.size());
  return Tokenizer(std::move(codec), marks);
}

}  // namespace

std::optional<std::int32_t> detail::token_id_of(const GgufKeys& file, const std::string& name,
                                                std::size_t size) {
  const std::string key = "tokenizer.ggml." + name + "_token_id";
  return file.has(key) ? std::optional(gguf_token(file, key, size)) : std::nullopt;
}

std::vector<std::int64_t> detail::token_types_of(const GgufKeys& file) {
  const std::string key = "tokenizer.ggml.token_type";
  return file.has(key) ? file.integers(key) : std::vector<std::int64_t>{};
}

/// Rebuilds the SentencePiece model from its pieces, scores and types, which the file copies unchanged.
SentencePieceModel detail::sentencepiece_model_of(const GgufKeys& file) {
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
  return model;
}

Tokenizer detail::tokenizer_of(const GgufKeys& file) {
  const std::string model = file.string("tokenizer.ggml.model");
  if (model == "llama") return gguf_marked(SentencePiece(sentencepiece_model_of(file)), file, true);
  require(
      model == "gpt2",
      "tokenizer.ggml.model = '{}': must be gpt2 (byte-level byte-pair encoding) or llama (SentencePiece)",
      model);
  return gguf_marked(gguf_byte_bpe(file), file, false);
}

}  // namespace zofo::tokenize
