/// @file Reads the tokenizer stored in a GGUF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zofo/tokenize/sentencepiece_model.hpp"
#include "zofo/tokenize/tokenizer.hpp"

namespace zofo::tokenize {

namespace detail {

/// The metadata of a GGUF file, by key. Accessors throw Error naming a key that is missing or has another
/// type.
class GgufKeys {
 public:
  GgufKeys() = default;
  GgufKeys(const GgufKeys&) = delete;
  GgufKeys& operator=(const GgufKeys&) = delete;
  virtual ~GgufKeys() = default;
  [[nodiscard]] virtual bool has(const std::string& key) const = 0;
  [[nodiscard]] virtual bool boolean(const std::string& key) const = 0;
  [[nodiscard]] virtual std::uint64_t unsigned_integer(const std::string& key) const = 0;
  [[nodiscard]] virtual std::string string(const std::string& key) const = 0;
  [[nodiscard]] virtual std::vector<std::string> strings(const std::string& key) const = 0;
  [[nodiscard]] virtual std::vector<float> floats(const std::string& key) const = 0;
  [[nodiscard]] virtual std::vector<std::int64_t> integers(const std::string& key) const = 0;
};

/// The keys of a `Gguf`, which has these accessors.
template <class Gguf>
class GgufKeysOf final : public GgufKeys {
 public:
  explicit GgufKeysOf(const Gguf& file) : file_(file) {}
  bool has(const std::string& key) const override { return file_.has(key); }
  bool boolean(const std::string& key) const override { return file_.boolean(key); }
  std::uint64_t unsigned_integer(const std::string& key) const override {
    return file_.unsigned_integer(key);
  }
  std::string string(const std::string& key) const override { return file_.string(key); }
  std::vector<std::string> strings(const std::string& key) const override { return file_.strings(key); }
  std::vector<float> floats(const std::string& key) const override { return file_.floats(key); }
  std::vector<std::int64_t> integers(const std::string& key) const override { return file_.integers(key); }

 private:
  const Gguf& file_;
};

/// from_gguf() of the keys.
Tokenizer tokenizer_of(const GgufKeys& file);

/// The SentencePiece model of a file whose tokenizer.ggml.model is `llama`.
SentencePieceModel sentencepiece_model_of(const GgufKeys& file);

/// tokenizer.ggml.token_type; empty where the file has none.
std::vector<std::int64_t> token_types_of(const GgufKeys& file);

/// The id under tokenizer.ggml.`name`_token_id, if the file has it. Throws Error unless it is below `size`.
std::optional<std::int32_t> token_id_of(const GgufKeys& file, const std::string& name, std::size_t size);

}  // namespace detail

/// The tokenizer stored in a GGUF file (checkpoint::GgufFile or a type with the accessors of
/// detail::GgufKeys), with llama.cpp's ids. Supports two models. `gpt2` reads
/// `tokenizer.ggml.{tokens,merges,token_type,pre}` (`token_type` may be missing) and puts bos before texts as
/// `add_bos_token` states, or PretokenizerRules::bos where it is missing. `llama` reads
/// `tokenizer.ggml.{tokens,scores,token_type,add_space_prefix}` and puts bos before texts unless
/// `add_bos_token` is false. The tokens of `eos_token_id`, `eot_token_id` and `eom_token_id` end generation,
/// and so do tokens of certain texts, such as <|im_end|>. Throws Error naming the key that is missing or has
/// an unsupported type or value.
template <class Gguf>
Tokenizer from_gguf(const Gguf& file) {
  return detail::tokenizer_of(detail::GgufKeysOf<Gguf>(file));
}

}  // namespace zofo::tokenize
