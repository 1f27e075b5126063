/// @file A `tokenizer.json` of byte-level pairs as the keys that a GGUF file has for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"
#include "zofo/tokenize/tokenizer_json.hpp"

namespace zofo::tokenize {

/// What from_gguf reads of model `gpt2`.
struct GgufTokenizer {
  std::vector<std::string> tokens;       ///< empty where no token has the id
  std::vector<std::int32_t> types;       ///< as TokenType
  std::vector<std::string> merges;       ///< "left right", by rank
  std::string pre;                       ///< the pretokenizer's name
  std::optional<std::int32_t> bos, eos;  ///< tokens that begin and end texts
  bool add_bos = false;                  ///< bos stands before every text
  bool loses_nfc = false;  ///< the folder composes characters (NFC) first, for which such a file has no key

  /// Adds the keys to a GGUF file whose model has an embedding for `rows` tokens; ids without a token get
  /// a name of their own. Throws Error where there are more tokens.
  template <class Writer>
  void write(Writer& file, std::size_t rows) const {
    require(tokens.size() <= rows, "the tokenizer has {} tokens but the embedding only {} rows",
            tokens.size(), rows);
    std::vector<std::string> all = tokens;
    std::vector<std::int32_t> kinds = types;
    all.resize(rows);
    kinds.resize(rows, static_cast<std::int32_t>(TokenType::unused));
    const std::unordered_set<std::string> taken(tokens.begin(), tokens.end());
    for (std::size_t id = 0; id < rows; ++id) {
      if (!all[id].empty()) continue;
      all[id] = fmt::format("[PAD{}]", id);
      while (taken.contains(all[id])) all[id] += '_';
    }
    file.string("tokenizer.ggml.model", "gpt2");
    file.string("tokenizer.ggml.pre", pre);
    file.strings("tokenizer.ggml.tokens", all);
    file.integers("tokenizer.ggml.token_type", kinds);
    file.strings("tokenizer.ggml.merges", merges);
    if (bos) file.unsigned_integer("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(*bos));
    if (eos) file.unsigned_integer("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(*eos));
    file.boolean("tokenizer.ggml.add_bos_token", add_bos);
  }
};

namespace detail {

/// The patterns of Llama 3 and Qwen 2 as their files spell them, around what stands for a run of digits.
inline std::string split_pattern(std::string_view digits) {
  return fmt::format("{}{}{}", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)", digits,
                     R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

inline bool is_byte_level(const JsonPath& step, bool splits) {
  return step.at("type").string() == "ByteLevel" && !step.boolean("add_prefix_space", true) &&
         step.boolean("use_regex", true) == splits;
}

/// The name of what cuts texts into words, if it has one.
inline std::optional<std::string> pretokenizer_name(const JsonPath& place) {
  if (place.at("type").string() != "Sequence")
    return is_byte_level(place, true) ? std::optional<std::string>("gpt-2") : std::nullopt;
  const std::vector<JsonPath> steps = place.at("pretokenizers").elements();
  if (steps.size() != 2) return std::nullopt;
  const std::string& type = steps[0].at("type").string();
  if (type == "Digits" && steps[0].boolean("individual_digits", false) && is_byte_level(steps[1], true))
    return "smollm";
  if (type != "Split" || !is_byte_level(steps[1], false)) return std::nullopt;
  if (steps[0].at("behavior").string() != "Isolated" || steps[0].boolean("invert", false))
    return std::nullopt;
  const JsonPath pattern = steps[0].at("pattern");
  if (!pattern.has("Regex")) return std::nullopt;
  if (pattern.at("Regex").string() == split_pattern(R"(\p{N}{1,3})")) return "llama-bpe";
  if (pattern.at("Regex").string() == split_pattern(R"(\p{N})")) return "qwen2";
  return std::nullopt;
}

inline void put_token(GgufTokenizer& into, std::size_t id, const std::string& token, TokenType type) {
  if (id >= into.tokens.size()) {
    into.tokens.resize(id + 1);
    into.types.resize(id + 1, static_cast<std::int32_t>(TokenType::unused));
  }
  into.tokens[id] = token;
  into.types[id] = static_cast<std::int32_t>(type);
}

/// The tokens of a file that parse_tokenizer_json took.
inline void take_tokens(const JsonPath& document, GgufTokenizer& into) {
  const JsonPath model = document.at("model");
  for (const auto& [token, id] : model.at("vocab").object().items())
    put_token(into, id.get<std::size_t>(), token, TokenType::normal);
  if (document.has("added_tokens"))
    for (const JsonPath& place : document.at("added_tokens").elements()) {
      for (const char* blanks : {"lstrip", "rstrip", "single_word"})
        if (place.boolean(blanks, false))
          place.at(blanks).refuse("false: a GGUF file has no key for how a token takes what is beside it");
      put_token(into, static_cast<std::size_t>(place.at("id").integer()), place.at("content").string(),
                place.boolean("special", false) ? TokenType::control : TokenType::user_defined);
    }
  for (const Merge& merge : read_merges(model.at("merges"))) {
    for (const std::string& part : {merge.left, merge.right})
      if (part.find(' ') != std::string::npos)
        model.at("merges").refuse("pairs of tokens without a blank, which separates them in a GGUF file");
    into.merges.push_back(fmt::format("{} {}", merge.left, merge.right));
  }
}

/// Refuses what a GGUF file's byte-level pairs don't do.
inline void take_model(const JsonPath& document, GgufTokenizer& into) {
  const JsonPath model = document.at("model");
  const std::optional<std::string> name =
      document.has("pre_tokenizer") ? pretokenizer_name(document.at("pre_tokenizer")) : std::nullopt;
  if (!name)
    document.at("pre_tokenizer")
        .refuse("that of GPT-2, SmolLM, Llama 3 or Qwen 2, which a GGUF file has names for");
  into.pre = *name;
  if (document.has("normalizer")) {
    const JsonPath normalizer = document.at("normalizer");
    if (into.pre != "qwen2" || normalizer.at("type").string() != "NFC")
      normalizer.refuse("null, or NFC beside Qwen 2's pre_tokenizer");
    into.loses_nfc = true;
  }
  if (model.boolean("byte_fallback", false)) model.at("byte_fallback").refuse("false");
  const bool whole_words = Pretokenizer(into.pre).takes_whole_words();
  require(model.boolean("ignore_merges", false) == whole_words,
          "model.ignore_merges: must be {} beside the pre_tokenizer that GGUF calls {}", whole_words,
          into.pre);
}

}  // namespace detail

/// Reads `tokenizer.json` of a folder, and `tokenizer_config.json` for bos and eos. Throws Error naming the
/// file, the JSON path and the value that a GGUF file cannot say: another kind of tokenizer, words cut by a
/// pattern without a name, a normalizer, tokens that take blanks.
inline GgufTokenizer read_gguf_tokenizer(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  require(std::filesystem::exists(path),
          "{}: is not there: a GGUF file's tokenizer is written from that file alone", path.string());
  const Tokenizer checked = load_tokenizer(folder);
  const std::string text = read_file(path);
  GgufTokenizer made;
  with_path(path.string(), [&] {
    const nlohmann::json json = parse_json(text);
    const JsonPath document(json);
    detail::take_model(document, made);
    detail::take_tokens(document, made);
  });
  made.bos = checked.bos();
  made.eos = checked.eos();
  made.add_bos = made.bos.has_value();
  const TokenizerConfig config = read_tokenizer_config(folder / "tokenizer_config.json");
  for (std::size_t id = 0; !made.bos && config.bos && id < made.tokens.size(); ++id)
    if (made.tokens[id] == *config.bos) made.bos = static_cast<std::int32_t>(id);
  return made;
}

}  // namespace zofo::tokenize
