/// @file Reads `normalizer` of a `tokenizer.json`.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/json_pattern.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/normalizer.hpp"

namespace zofo::tokenize {

/// Steps that a file's normalizer may have.
inline constexpr std::size_t most_normalizer_steps = 32;

/// The steps, and what they do to blanks.
struct ReadNormalizer {
  std::vector<Normalizer::Step> steps;
  std::string sign;     ///< spells a blank, if one of the steps gives it a spelling
  bool prefix = false;  ///< a sign is put before every text
};

namespace detail {

inline void read_normalizer_step(const JsonPath& place, ReadNormalizer& result) {
  const std::string type = place.at("type").string();
  require(result.steps.size() < most_normalizer_steps, "{}: more than {} steps", place.path(),
          most_normalizer_steps);
  if (type == "Sequence") {
    for (const JsonPath& part : place.at("normalizers").elements()) read_normalizer_step(part, result);
  } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    result.steps.push_back(UnicodeForm{.composed = type.back() == 'C', .compatibility = type.size() == 4});
  } else if (type == "Replace") {
    const JsonPath pattern = place.at("pattern");
    const std::string content = place.at("content").string();
    result.steps.push_back(Replacement{read_pattern(pattern), content});
    if (pattern.has("String") && pattern.at("String").string() == " ") result.sign = content;
  } else if (type == "Prepend") {
    result.steps.push_back(Prefix{place.at("prepend").string()});
    result.prefix = true;
  } else {
    place.at("type").refuse("one of Sequence, NFC, NFD, NFKC, NFKD, Replace, Prepend");
  }
}

}  // namespace detail

/// Throws Error naming the JSON path and the value that is not supported.
inline ReadNormalizer read_normalizer(const JsonPath& document) {
  ReadNormalizer result;
  if (document.has("normalizer")) detail::read_normalizer_step(document.at("normalizer"), result);
  return result;
}

}  // namespace zofo::tokenize
