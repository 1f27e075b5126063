/// @file The tokenizer that a GGUF file carries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
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

/// Before a text stands a token only where `add_bos_token` asks for one.
template <class Gguf>
SequenceMarks gguf_marks(const Gguf& file, std::size_t size) {
  const std::string asked = "tokenizer.ggml.add_bos_token", eos = "tokenizer.ggml.eos_token_id";
  SequenceMarks marks;
  if (file.has(asked) && file.boolean(asked))
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

}  // namespace detail

/// The tokenizer stored in a GGUF file (keys `tokenizer.ggml.{model,tokens,merges,token_type,pre}`; types may
/// be missing). Throws Error naming the key: missing, of another type, or a tokenizer model other than
/// `gpt2`.
template <class Gguf>
Tokenizer from_gguf(const Gguf& file) {
  const std::string model = file.string("tokenizer.ggml.model");
  require(model == "gpt2", "tokenizer.ggml.model = '{}': must be gpt2 (byte-level byte-pair encoding)",
          model);
  ByteBpe codec = detail::gguf_byte_bpe(file);
  const SequenceMarks marks = detail::gguf_marks(file, codec.size());
  return Tokenizer(std::move(codec), marks);
}

}  // namespace zofo::tokenize
