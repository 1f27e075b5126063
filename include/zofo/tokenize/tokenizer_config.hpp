/// @file `tokenizer_config.json`: settings that a checkpoint stores next to its tokenizer.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace zofo::tokenize {

/// The keys that ids depend on.
struct TokenizerConfig {
  std::string file;                           ///< for messages
  std::optional<std::string> bos;             ///< spelling of the token that begins sequences
  std::optional<std::string> eos;             ///< spelling of the token that ends sequences
  std::optional<bool> add_bos;                ///< whether bos is put before every text
  bool add_prefix_space = false;              ///< of byte-level tokenizers without a `tokenizer.json`
  std::vector<std::string> special_tokens{};  ///< every `*_token`, each once
};

/// Reads the file; without a file the result has no keys. Throws Error naming the file, the key and the value
/// that is broken or not supported.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& path);

}  // namespace zofo::tokenize
