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

/// The classes of SentencePiece-like tokenizers, which put bos before texts as `add_bos_token` states.
bool decides_bos(const std::string& class_name) {
  return class_name == "LlamaTokenizer" || class_name == "CodeLlamaTokenizer" ||
         class_name == "GemmaTokenizer";
}

/// The token that ends sequences in classes whose configuration may leave it out.
const char* eos_of_class(const std::string& class_name) {
  if (class_name == "GPT2Tokenizer" || class_name == "Qwen2Tokenizer") return "<|endoftext|>";
  return class_name == "LlamaTokenizer" ? "</s>" : "";
}

/// Adds the marks: bos from the post-processor, else, where `adds_bos`, from the configuration; eos and other
/// ends from the configuration.
template <class C>
Tokenizer marked(C codec, std::optional<std::int32_t> bos, const TokenizerConfig& config, bool adds_bos) {
  const auto find = [&](const std::string& key, const std::string& token) {
    const auto id = codec.id(token);
    require(id.has_value(), "{}: {} = '{}': is not a token of the tokenizer", config.file, key, token);
    return *id;
  };
  SequenceMarks marks{.bos = bos, .eos = std::nullopt};
  if (!bos && adds_bos) {
    require(config.bos.has_value(), "{}: bos_token is missing, but add_bos_token requires it", config.file);
    marks.bos = find("bos_token", *config.bos);
  }
  marks.eos = config.eos ? find("eos_token", *config.eos) : codec.id(eos_of_class(config.class_name));
  for (const std::int32_t id : config.ends)  // an id without a token is never generated
    if (static_cast<std::size_t>(id) < codec.size()) marks.more_ends.push_back(id);
  return Tokenizer(std::move(codec), marks);
}

}  // namespace

Tokenizer load_tokenizer(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  require(fs::is_directory(folder), "{}: is not a folder", folder.string());
  const TokenizerConfig config = read_tokenizer_config(folder);
  if (const auto file = folder / "tokenizer.json"; fs::exists(file)) {
    auto [pipeline, bos] = read_tokenizer_json(file, config);
    const bool known = !config.class_name.empty() && !decides_bos(config.class_name);
    return marked(std::move(pipeline), bos, config, !known && config.add_bos.value_or(false));
  }
  if (const auto file = folder / "tokenizer.model"; fs::exists(file)) {
    TokenizerConfig llama = config;
    if (!llama.bos) llama.bos = "<s>";
    return marked(read_sentencepiece(file, config), std::nullopt, llama, config.add_bos.value_or(true));
  }
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"))
    return marked(read_slow_tokenizer(folder, config), std::nullopt, config, config.add_bos.value_or(false));
  fail("{}: no tokenizer found: searched tokenizer.json, tokenizer.model, and vocab.json with merges.txt",
       folder.string());
}

}  // namespace zofo::tokenize
