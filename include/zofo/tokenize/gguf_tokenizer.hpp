/// @file Converts a byte-level `tokenizer.json` to the keys of a GGUF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace zofo::tokenize {

/// The content of the keys that from_gguf() reads for the model `gpt2`.
struct GgufTokenizer {
  std::vector<std::string> tokens;  ///< by id; empty where an id has no token
  std::vector<std::int32_t> types;  ///< by id, as TokenType
  std::vector<std::string> merges;  ///< "left right", by rank
  std::string pre;                  ///< the name of a Pretokenizer
  std::optional<std::int32_t> bos;  ///< the token that begins sequences
  std::optional<std::int32_t> eos;  ///< the token that ends sequences
  bool add_bos = false;             ///< bos is put before every text
  bool loses_nfc = false;           ///< the folder's tokenizer applies NFC first, for which GGUF has no key

  /// A copy with `rows` tokens: ids without a token get an unused one, "[PAD<id>]". Throws Error when there
  /// are more than `rows` tokens.
  GgufTokenizer padded(std::size_t rows) const;

  /// Writes the keys to a GGUF file of a model whose embedding has `rows` rows, padded as by padded(). Throws
  /// Error when there are more tokens than rows.
  template <class Writer>
  void write(Writer& file, std::size_t rows) const {
    const GgufTokenizer all = padded(rows);
    file.string("tokenizer.ggml.model", "gpt2");
    file.string("tokenizer.ggml.pre", pre);
    file.strings("tokenizer.ggml.tokens", all.tokens);
    file.integers("tokenizer.ggml.token_type", all.types);
    file.strings("tokenizer.ggml.merges", merges);
    if (bos) file.unsigned_integer("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(*bos));
    if (eos) file.unsigned_integer("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(*eos));
    file.boolean("tokenizer.ggml.add_bos_token", add_bos);
  }
};

/// Reads `tokenizer.json` of a folder, and `tokenizer_config.json` for bos and eos. Throws Error naming the
/// file, the JSON path and the value that GGUF has no key for: another model, a pre-tokenizer without a name,
/// a normalizer, added tokens that include white space.
GgufTokenizer read_gguf_tokenizer(const std::filesystem::path& folder);

}  // namespace zofo::tokenize
