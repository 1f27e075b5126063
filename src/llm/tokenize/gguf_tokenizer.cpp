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

/// The patterns of a `pre_tokenizer`, if it has no other steps than those of a GGUF file's.
std::optional<std::vector<std::string>> patterns_of(const JsonPath& place) {
  std::vector<std::string> patterns;
  const bool sequence = place.at("type").string() == "Sequence";
  const std::vector<JsonPath> steps =
      sequence ? place.at("pretokenizers").elements() : std::vector<JsonPath>{place};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string type = steps[i].at("type").string();
    if (i + 1 == steps.size()) {
      if (is_byte_level(steps[i], true))
        patterns.emplace_back(kGpt2Pattern);
      else if (!is_byte_level(steps[i], false))
        return std::nullopt;
    } else if (type == "Digits" && steps[i].boolean("individual_digits", false)) {
      patterns.emplace_back(R"(\p{N})");
    } else if (type == "Split" && steps[i].at("behavior").string() == "Isolated" &&
               !steps[i].boolean("invert", false) && steps[i].at("pattern").has("Regex")) {
      patterns.push_back(steps[i].at("pattern").at("Regex").string());
    } else {
      return std::nullopt;
    }
  }
  return patterns;
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
  const bool whole_words = model.boolean("ignore_merges", false);
  std::optional<std::vector<std::string>> patterns;
  if (document.has("pre_tokenizer")) patterns = patterns_of(document.at("pre_tokenizer"));
  if (patterns) into.pre = pretokenizer_name(*patterns, whole_words);
  const std::string otherwise = patterns ? pretokenizer_name(*patterns, !whole_words) : "";
  require(!into.pre.empty() || otherwise.empty(),
          "model.ignore_merges: must be {} with the pre_tokenizer that GGUF calls {}", !whole_words,
          otherwise);
  if (into.pre.empty())
    document.at("pre_tokenizer")
        .refuse("that of GPT-2, SmolLM, Llama 3 or Qwen 2, or another that has a name in GGUF files");
  if (document.has("normalizer")) {
    const JsonPath normalizer = document.at("normalizer");
    if (into.pre != "qwen2" || normalizer.at("type").string() != "NFC")
      normalizer.refuse("null, or NFC with Qwen 2's pre_tokenizer");
    into.loses_nfc = true;
  }
  if (model.boolean("byte_fallback", false)) model.at("byte_fallback").refuse("false");
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
  const TokenizerConfig config = read_tokenizer_config(folder);
  for (std::size_t id = 0; !made.bos && config.bos && id < made.tokens.size(); ++id)
    if (made.tokens[id] == *config.bos) made.bos = static_cast<std::int32_t>(id);
  return made;
}

}  // namespace zofo::tokenize
