#include "zofo/tokenize/tokenizer_config.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/json_path.hpp"

namespace zofo::tokenize {

namespace {

using nlohmann::json;

/// A file's object; one without keys if the file does not exist.
json read_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return json::object();
  const std::string text = parse::read_file(path);
  return parse::with_path(path.string(), [&] {
    json read = parse::parse_json(text);
    static_cast<void>(JsonPath(read).object());
    return read;
  });
}

/// A token is written as "text" or as {"content": "text", ...}.
AddedToken read_token(const JsonPath& place, bool special) {
  AddedToken token;
  const bool object = place.value().is_object();
  token.content = object ? place.at("content").string() : place.string();
  token.special = object ? place.boolean("special", special) : special;
  token.normalized = !token.special;
  if (!object) return token;
  token.single_word = place.boolean("single_word", false);
  token.lstrip = place.boolean("lstrip", false);
  token.rstrip = place.boolean("rstrip", false);
  token.normalized = place.boolean("normalized", !token.special);
  return token;
}

/// Special tokens, each once.
class SpecialList {
 public:
  void add(const JsonPath& place) {
    AddedToken token = read_token(place, true);
    token.special = true;
    if (!token.content.empty() && seen_.insert(token.content).second) tokens_.push_back(std::move(token));
  }
  [[nodiscard]] bool has(const std::string& content) const { return seen_.contains(content); }
  [[nodiscard]] std::vector<AddedToken> take() { return std::move(tokens_); }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_set<std::string> seen_;
};

/// The tokens of a document under the keys NAME_token, and those of its lists.
void read_special_tokens(const JsonPath& document, TokenizerConfig& config, SpecialList& special) {
  if (document.has("bos_token")) config.bos = read_token(document.at("bos_token"), true).content;
  if (document.has("eos_token")) config.eos = read_token(document.at("eos_token"), true).content;
  for (const auto& [key, value] : document.object().items())
    if (key.ends_with("_token") && (value.is_string() || value.is_object())) special.add(document.at(key));
  for (const std::string key : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!document.has(key)) continue;
    const JsonPath list = document.at(key);
    if (list.value().is_object()) {
      for (const auto& item : list.object().items()) special.add(list.at(item.key()));
    } else {
      for (const JsonPath& each : list.elements()) special.add(each);
    }
  }
}

std::int32_t checked_id(const JsonPath& place, std::int64_t id) {
  if (id < 0 || id > 0x7FFFFFFE) place.refuse("an integer in [0, 2^31 - 1)");
  return static_cast<std::int32_t>(id);
}

/// {"32000": {"content": ...}, ...}
void read_added_decoder(const JsonPath& place, TokenizerConfig& config) {
  for (const auto& item : place.object().items()) {
    const std::string& key = item.key();
    std::int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc{} || end != key.data() + key.size()) id = -1;
    const JsonPath value = place.at(key);
    AddedToken token = read_token(value, false);
    if (token.content.empty()) value.refuse("a token of at least one character");
    token.id = checked_id(value, id);
    config.added_tokens.push_back(std::move(token));
  }
}

/// {"<token>": 32000, ...}
void read_added_encoder(const JsonPath& document, const SpecialList& specials, TokenizerConfig& config) {
  for (const auto& item : document.object().items()) {
    const JsonPath value = document.at(item.key());
    const bool special = specials.has(item.key());
    if (item.key().empty()) document.refuse("tokens of at least one character");
    config.added_tokens.push_back({.id = checked_id(value, value.integer()),
                                   .content = item.key(),
                                   .normalized = !special,
                                   .special = special});
  }
}

/// An id or a list of ids under `eos_token_id`.
void read_ends(const JsonPath& document, TokenizerConfig& config) {
  if (!document.has("eos_token_id")) return;
  const JsonPath place = document.at("eos_token_id");
  if (!place.value().is_array()) return config.ends.push_back(checked_id(place, place.integer()));
  for (const JsonPath& each : place.elements()) config.ends.push_back(checked_id(each, each.integer()));
}

/// The class that transformers takes for a model without a class of its tokenizer.
std::string class_of_model(const JsonPath& model) {
  if (model.has("tokenizer_class")) return model.at("tokenizer_class").string();
  const std::string type = model.has("model_type") ? model.at("model_type").string() : "";
  if (type.starts_with("qwen3_5")) return "Qwen3_5Tokenizer";
  if (type.starts_with("qwen2") || type.starts_with("qwen3")) return "Qwen2Tokenizer";
  if (type == "gpt2" || type == "opt" || type == "gptj") return "GPT2Tokenizer";
  return "";
}

void read_settings(const JsonPath& document, TokenizerConfig& config) {
  if (document.boolean("add_eos_token", false))
    document.at("add_eos_token").refuse("false: tokens after a text are not supported");
  if (document.has("add_bos_token")) config.add_bos = document.at("add_bos_token").boolean();
  if (document.has("legacy")) config.legacy = document.at("legacy").boolean();
  config.add_prefix_space = document.boolean("add_prefix_space", false);
  if (document.has("tokenizer_class")) config.class_name = document.at("tokenizer_class").string();
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
  TokenizerConfig config;
  const auto read = [&](const char* name, auto&& visit) {
    const std::filesystem::path path = folder / name;
    const json document = read_object(path);
    parse::with_path(path.string(), [&] { visit(JsonPath(document)); });
  };
  config.file = (folder / "tokenizer_config.json").string();
  SpecialList special;
  bool complete = false;
  read("tokenizer_config.json", [&](const JsonPath& document) {
    read_settings(document, config);
    complete = document.has("added_tokens_decoder");
    if (complete) read_added_decoder(document.at("added_tokens_decoder"), config);
    read_special_tokens(document, config, special);
  });
  if (!complete) {
    read("special_tokens_map.json",
         [&](const JsonPath& document) { read_special_tokens(document, config, special); });
    read("added_tokens.json",
         [&](const JsonPath& document) { read_added_encoder(document, special, config); });
  }
  config.special_tokens = special.take();
  const bool generation = std::filesystem::exists(folder / "generation_config.json");
  read("generation_config.json", [&](const JsonPath& document) { read_ends(document, config); });
  read("config.json", [&](const JsonPath& document) {
    if (!generation) read_ends(document, config);
    if (config.class_name.empty()) config.class_name = class_of_model(document);
  });
  if (config.class_name.ends_with("Fast")) config.class_name.erase(config.class_name.size() - 4);
  std::ranges::stable_sort(config.added_tokens, {}, &AddedToken::id);
  return config;
}

void add_configured_tokens(const TokenizerConfig& config, Vocabulary& vocabulary,
                           std::vector<AddedToken>& added) {
  std::unordered_set<std::string> listed;
  for (const AddedToken& token : added) listed.insert(token.content);
  const auto add = [&](AddedToken token, std::int64_t id) {
    const auto known = vocabulary.id(token.content);
    // A bos or eos that no file defines is an error of the folder, which load_tokenizer() reports.
    if (!known && (token.content == config.bos || token.content == config.eos)) return;
    if (!listed.insert(token.content).second) return;
    if (!known) parse::with_path(config.file, [&] { vocabulary.add(token.content, id); });
    token.id = known.value_or(static_cast<std::int32_t>(id));
    added.push_back(std::move(token));
  };
  const auto next = [&] { return static_cast<std::int64_t>(vocabulary.size()); };
  for (const AddedToken& token : config.added_tokens)
    add(token, vocabulary.spelling(static_cast<std::size_t>(token.id)) == nullptr ? token.id : next());
  for (const AddedToken& token : config.special_tokens) add(token, next());
}

}  // namespace zofo::tokenize
