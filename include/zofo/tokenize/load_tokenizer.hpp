/// @file The tokenizer of a checkpoint's folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/sentencepiece.hpp"
#include "zofo/tokenize/slow_tokenizer.hpp"
#include "zofo/tokenize/tokenizer.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"
#include "zofo/tokenize/tokenizer_json.hpp"

namespace zofo::tokenize {

namespace detail {

/// bos by the post-processor, else by the configuration.
template <class C>
Tokenizer marked(C codec, std::optional<std::int32_t> bos, const TokenizerConfig& config,
                 bool add_bos_by_default) {
  const auto find = [&](const std::string& key, const std::string& token) {
    const auto id = codec.id(token);
    require(id.has_value(), "{}: {} = '{}': is no token of the tokenizer", config.file, key, token);
    return *id;
  };
  SequenceMarks marks{.bos = bos, .eos = std::nullopt};
  if (!bos && config.add_bos.value_or(add_bos_by_default)) {
    require(config.bos.has_value(), "{}: bos_token is missing: a token is to be put before every text",
            config.file);
    marks.bos = find("bos_token", *config.bos);
  }
  if (config.eos) marks.eos = find("eos_token", *config.eos);
  return Tokenizer(std::move(codec), marks);
}

}  // namespace detail

/// Reads `tokenizer.json`, else `tokenizer.model`, else `vocab.json` with `merges.txt`; and beside it
/// `tokenizer_config.json`, if there, for eos and, where the post-processor puts nothing before a text, for
/// bos. Without a `tokenizer_config.json` a `tokenizer.model` puts <s> before texts, as its reference does.
/// Throws Error naming the file and what is wrong, or the names that were looked for.
inline Tokenizer load_tokenizer(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  require(fs::is_directory(folder), "{}: is no folder", folder.string());
  const TokenizerConfig config = read_tokenizer_config(folder / "tokenizer_config.json");
  const auto load = [&]() -> std::optional<Tokenizer> {
    if (const auto file = folder / "tokenizer.json"; fs::exists(file)) {
      auto [pipeline, bos] = read_tokenizer_json(file);
      return detail::marked(std::move(pipeline), bos, config, false);
    }
    if (const auto file = folder / "tokenizer.model"; fs::exists(file)) {
      TokenizerConfig llama = config;
      if (!llama.bos) llama.bos = "<s>";
      return detail::marked(read_sentencepiece(file), std::nullopt, llama, true);
    }
    if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"))
      return detail::marked(read_slow_tokenizer(folder, config), std::nullopt, config, false);
    return std::nullopt;
  };
  auto tokenizer = load();
  require(tokenizer.has_value(),
          "{}: no tokenizer: looked for tokenizer.json, tokenizer.model, and vocab.json with merges.txt",
          folder.string());
  return std::move(*tokenizer);
}

}  // namespace zofo::tokenize
