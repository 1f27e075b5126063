#include "zofo/tokenize/load_tokenizer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/sentencepiece.hpp"
#include "zofo/tokenize/slow_tokenizer.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"
#include "zofo/tokenize/tokenizer_json.hpp"

namespace zofo::tokenize {

namespace {

/// Adds the marks: bos from the post-processor, else from the configuration, and eos from the configuration.
template <class C>
Tokenizer marked(C codec, std::optional<std::int32_t> bos, const TokenizerConfig& config,
                 bool add_bos_by_default) {
  const auto find = [&](const std::string& key, const std::string& token) {
    const auto id = codec.id(token);
    require(id.has_value(), "{}: {} = '{}': is not a token of the tokenizer", config.file, key, token);
    return *id;
  };
  SequenceMarks marks{.bos = bos, .eos = std::nullopt};
  if (!bos && config.add_bos.value_or(add_bos_by_default)) {
    require(config.bos.has_value(), "{}: bos_token is missing, but add_bos_token requires it", config.file);
    marks.bos = find("bos_token", *config.bos);
  }
  if (config.eos) marks.eos = find("eos_token", *config.eos);
  return Tokenizer(std::move(codec), marks);
}

}  // namespace

Tokenizer load_tokenizer(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  require(fs::is_directory(folder), "{}: is not a folder", folder.string());
  const TokenizerConfig config = read_tokenizer_config(folder / "tokenizer_config.json");
  if (const auto file = folder / "tokenizer.json"; fs::exists(file)) {
    auto [pipeline, bos] = read_tokenizer_json(file);
    return marked(std::move(pipeline), bos, config, false);
  }
  if (const auto file = folder / "tokenizer.model"; fs::exists(file)) {
    TokenizerConfig llama = config;
    if (!llama.bos) llama.bos = "<s>";
    return marked(read_sentencepiece(file), std::nullopt, llama, true);
  }
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"))
    return marked(read_slow_tokenizer(folder, config), std::nullopt, config, false);
  fail("{}: no tokenizer found: searched tokenizer.json, tokenizer.model, and vocab.json with merges.txt",
       folder.string());
}

}  // namespace zofo::tokenize
