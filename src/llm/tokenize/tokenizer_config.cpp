#include "zofo/tokenize/tokenizer_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/json_path.hpp"

namespace zofo::tokenize {

namespace {

/// A token is written as "text" or as {"content": "text", ...}.
std::string config_token(const JsonPath& place) {
  return place.value().is_object() ? place.at("content").string() : place.string();
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& path) {
  TokenizerConfig config;
  config.file = path.string();
  if (!std::filesystem::exists(path)) return config;
  const std::string text = parse::read_file(path);
  parse::with_path(config.file, [&] {
    const nlohmann::json json = parse::parse_json(text);
    const JsonPath document(json);
    if (document.boolean("add_eos_token", false))
      document.at("add_eos_token").refuse("false: tokens after a text are not supported");
    if (document.has("add_bos_token")) config.add_bos = document.at("add_bos_token").boolean();
    config.add_prefix_space = document.boolean("add_prefix_space", false);
    if (document.has("bos_token")) config.bos = config_token(document.at("bos_token"));
    if (document.has("eos_token")) config.eos = config_token(document.at("eos_token"));
    for (const std::string key : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
      if (!document.has(key)) continue;
      std::string token = config_token(document.at(key));
      if (std::ranges::find(config.special_tokens, token) == config.special_tokens.end())
        config.special_tokens.push_back(std::move(token));
    }
  });
  return config;
}

}  // namespace zofo::tokenize
