/// @file Reads `added_tokens` of a `tokenizer.json`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/added_tokens.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/utf8.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

/// The list, each token also put into the vocabulary where the model has it not. Throws Error naming the JSON
/// path: a repeated or empty token, an id that is another token's, or other than the model's.
inline std::vector<AddedToken> read_added_tokens(const JsonPath& document, Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  if (!document.has("added_tokens")) return tokens;
  StringMap<bool> seen;
  for (const JsonPath& place : document.at("added_tokens").elements()) {
    const std::string content = place.at("content").string();
    if (content.empty()) place.at("content").refuse("a text of at least one character");
    if (!seen.emplace(content, true).second) place.at("content").refuse("listed once");
    const std::int64_t id = place.at("id").integer();
    const auto known = vocabulary.id(content);
    if (known && *known != id)
      place.at("id").refuse(fmt::format("{}, the id of '{}' in model.vocab", *known, content));
    if (!known) with_path(place.path(), [&] { vocabulary.add(content, id); });
    const bool special = place.boolean("special", false);
    tokens.push_back({.id = static_cast<std::int32_t>(id),
                      .content = content,
                      .single_word = place.boolean("single_word", false),
                      .lstrip = place.boolean("lstrip", false),
                      .rstrip = place.boolean("rstrip", false),
                      .normalized = place.boolean("normalized", !special),
                      .special = special});
  }
  return tokens;
}

}  // namespace zofo::tokenize
