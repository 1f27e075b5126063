#include "zofo/tokenize/gguf_tokenizer.hpp"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/json_model.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/token_type.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"

namespace zofo::tokenize {

namespace {

bool is_byte_level(const JsonPath& step, bool splits) {
  return step.at("type").string() == "ByteLevel" && !step.boolean("add_prefix_space", true) &&
         step.boolean("use_regex", true) == splits;
}

/// The name of a `pre_tokenizer` in GGUF files, if it has one.
std::optional<std::string> pretokenizer_name(const JsonPath& place) {
  if (place.at("type").string() != "Sequence")
    return is_byte_level(place, true) ? std::optional<std::string>("gpt-2") : std::nullopt;
  const std::vector<JsonPath> steps = place.at("pretokenizers").elements();
  if (steps.size() != 2) return std::nullopt;
  const std::string type = steps[0].at("type").string();
  if (type == "Digits" && steps[0].boolean("individual_digits", false) && is_byte_level(steps[1], true))
    return "smollm";
  if (type != "Split" || !is_byte_level(steps[1], false)) return std::nullopt;
  if (steps[0].at("behavior").string() != "Isolated" || steps[0].boolean("invert", false))
    return std::nullopt;
  const JsonPath pattern = steps[0].at("pattern");
  if (!pattern.has("Regex")) return std::nullopt;
  for (const char* name : {"llama-bpe", "qwen2"})
    if (pattern.at("Regex").string() == json_split_pattern(name)) return name;
  return std::nullopt;
}

void put_token(GgufTokenizer& into, std::size_t id, const std::string& token, TokenType type) {
  if (id >= into.tokens.size()) {
    into.tokens.resize(id + 1);
    into.types.resize(id + 1, static_cast<std::int32_t>(TokenType::unused));
  }
  into.tokens[id] = token;
  into.types[id] = static_cast<std::int32_t>(type);
}

/// Reads the tokens and merges of a file that parse_tokenizer_json() accepted.
void read_tokens(const JsonPath& document, GgufTokenizer& into) {
  const JsonPath model = document.at("model");
  for (const auto& [token, id] : model.at("vocab").object().items())
    put_token(into, id.get<std::size_t>(), token, TokenType::normal);
  if (document.has("added_tokens"))
    for (const JsonPath& place : document.at("added_tokens").elements()) {
      for (const char* key : {"lstrip", "rstrip", "single_word"})
        if (place.boolean(key, false)) place.at(key).refuse("false: GGUF has no key for it");
      put_token(into, static_cast<std::size_t>(place.at("id").integer()), place.at("content").string(),
                place.boolean("special", false) ? TokenType::control : TokenType::user_defined);
    }
  for (const Merge& merge : read_merges(model.at("merges"))) {
    for (const std::string& part : {merge.left, merge.right})
      if (part.find(' ') != std::string::npos)
        model.at("merges").refuse("pairs of tokens without a space, which separates them in a GGUF file");
    into.merges.push_back(fmt::format("{} {}", merge.left, merge.right));
  }
}

/// Reads the pre-tokenizer and refuses settings that GGUF's model `gpt2` lacks.
void read_model(const JsonPath& document, GgufTokenizer& into) {
  const JsonPath model = document.at("model");
  const std::optional<std::string> name =
      document.has("pre_tokenizer") ? pretokenizer_name(document.at("pre_tokenizer")) : std::nullopt;
  if (!name)
    document.at("pre_tokenizer")
        .refuse("that of GPT-2, SmolLM, Llama 3 or Qwen 2, which have names in GGUF files");
  into.pre = *name;
  if (document.has("normalizer")) {
    const JsonPath normalizer = document.at("normalizer");
    if (into.pre != "qwen2" || normalizer.at("type").string() != "NFC")
      normalizer.refuse("null, or NFC with Qwen 2's pre_tokenizer");
    into.loses_nfc = true;
  }
  if (model.boolean("byte_fallback", false)) model.at("byte_fallback").refuse("false");
  const bool whole_words = Pretokenizer(into.pre).takes_whole_words();
  require(model.boolean("ignore_merges", false) == whole_words,
          "model.ignore_merges: must be {} with the pre_tokenizer that GGUF calls {}", whole_words, into.pre);
}

}  // namespace

GgufTokenizer GgufTokenizer::padded(std::size_t rows) const {
  require(tokens.size() <= rows, "the tokenizer has {} tokens but the embedding only {} rows", tokens.size(),
          rows);
  GgufTokenizer all = *this;
  all.tokens.resize(rows);
  all.types.resize(rows, static_cast<std::int32_t>(TokenType::unused));
  const std::unordered_set<std::string> taken(tokens.begin(), tokens.end());
  for (std::size_t id = 0; id < rows; ++id) {
    if (!all.tokens[id].empty()) continue;
    all.tokens[id] = fmt::format("[PAD{}]", id);
    while (taken.contains(all.tokens[id])) all.tokens[id] += '_';
  }
  return all;
}

GgufTokenizer read_gguf_tokenizer(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  require(std::filesystem::exists(path),
          "{}: does not exist: the tokenizer of a GGUF file is written from this file only", path.string());
  const Tokenizer checked = load_tokenizer(folder);
  const std::string text = parse::read_file(path);
  GgufTokenizer made;
  parse::with_path(path.string(), [&] {
    const nlohmann::json json = parse::parse_json(text);
    const JsonPath document(json);
    read_model(document, made);
    read_tokens(document, made);
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
