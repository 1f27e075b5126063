/// @file Patterns in `tokenizer.json`: {"String": text} or {"Regex": pattern}.
#pragma once

#include <string>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/oniguruma.hpp"
#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

/// Throws Error naming the place, the pattern and what is wrong with it.
inline Pattern read_pattern(const JsonPath& place) {
  const bool regex = place.has("Regex");
  if (place.object().size() != 1 || !(regex || place.has("String")))
    place.refuse(R"({"String": text} or {"Regex": pattern})");
  const JsonPath source = place.at(regex ? "Regex" : "String");
  return with_path(source.path(), [&] {
    Pattern pattern(regex ? from_oniguruma(source.string()) : literal_pattern(source.string()));
    require(!pattern.may_match_nothing(), "pattern '{}': must take at least one character", source.string());
    return pattern;
  });
}

}  // namespace zofo::tokenize
