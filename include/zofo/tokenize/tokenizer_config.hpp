/// @file Settings that a checkpoint stores next to its tokenizer: `tokenizer_config.json`, and of older
/// checkpoints `special_tokens_map.json` and `added_tokens.json`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "zofo/tokenize/added_tokens.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

/// The keys that ids depend on.
struct TokenizerConfig {
  std::string file;                ///< for messages
  std::string class_name;          ///< Hugging Face's class without the ending "Fast"; "": unknown
  std::optional<std::string> bos;  ///< spelling of the token that begins sequences
  std::optional<std::string> eos;  ///< spelling of the token that ends sequences
  std::optional<bool> add_bos;     ///< whether bos is put before every text
  std::optional<bool> legacy;      ///< of SentencePiece: a space is put before each text between added tokens
  bool add_prefix_space = false;   ///< of byte-level tokenizers without a `tokenizer.json`
  std::vector<AddedToken>
      special_tokens{};                    ///< every `*_token` and those of the lists, each once, without ids
  std::vector<AddedToken> added_tokens{};  ///< tokens with ids, by id
  std::vector<std::int32_t> ends{};        ///< ids that end generation
};

/// Reads a folder's files as transformers does: `added_tokens_decoder` of `tokenizer_config.json`, and where
/// it has none `special_tokens_map.json` and `added_tokens.json`; the class also from `config.json`; the ids
/// that end generation from `generation_config.json`, without this file from `config.json`. Files that do not
/// exist have no keys. Throws Error naming the file, the key and the value that is broken or not supported.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

/// Adds the configuration's tokens to `vocabulary` and to `added`, except those that `added` lists: tokens
/// with ids, then special tokens. One that the vocabulary lacks gets the next id where it has none, or where
/// another token has its id, as in transformers. Throws Error naming the file and the token that Vocabulary
/// refuses.
void add_configured_tokens(const TokenizerConfig& config, Vocabulary& vocabulary,
                           std::vector<AddedToken>& added);

}  // namespace zofo::tokenize
