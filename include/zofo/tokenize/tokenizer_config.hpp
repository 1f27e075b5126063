/// @file `tokenizer_config.json`: what a checkpoint says of its tokenizer next to the tokenizer itself.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/json_path.hpp"

namespace zofo::tokenize {

/// The keys that ids depend on.
struct TokenizerConfig {
  std::string file;                           ///< for messages
  std::optional<std::string> bos, eos;        ///< spellings
  std::optional<bool> add_bos;                ///< whether bos stands before every text
  bool add_prefix_space = false;              ///< of byte-level tokenizers without a `tokenizer.json`
  std::vector<std::string> special_tokens{};  ///< every `*_token`, each once
};

namespace detail {

/// A token is written "text" or {"content": "text", ...}.
inline std::string config_token(const JsonPath& place) {
  return place.value().is_object() ? place.at("content").string() : place.string();
}

}  // namespace detail

/// Reads the file; one that is not there says nothing. Throws Error naming the file, the key and the value
/// that is broken or not supported.
inline TokenizerConfig read_tokenizer_config(const std::filesystem::path& path) {
  TokenizerConfig config;
  config.file = path.string();
  if (!std::filesystem::exists(path)) return config;
  const std::string text = read_file(path);
  with_path(config.file, [&] {
    const nlohmann::json json = parse_json(text);
    const JsonPath document(json);
    if (document.boolean("add_eos_token", false))
      document.at("add_eos_token").refuse("false: tokens behind a text are not supported");
    if (document.has("add_bos_token")) config.add_bos = document.at("add_bos_token").boolean();
    config.add_prefix_space = document.boolean("add_prefix_space", false);
    if (document.has("bos_token")) config.bos = detail::config_token(document.at("bos_token"));
    if (document.has("eos_token")) config.eos = detail::config_token(document.at("eos_token"));
    for (const std::string key : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
      if (!document.has(key)) continue;
      std::string token = detail::config_token(document.at(key));
      if (std::ranges::find(config.special_tokens, token) == config.special_tokens.end())
        config.special_tokens.push_back(std::move(token));
    }
  });
  return config;
}

}  // namespace zofo::tokenize
