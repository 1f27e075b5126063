#include "zofo/tokenize/json_steps.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/tokenize/oniguruma.hpp"
#include "zofo/tokenize/pattern.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

/// Reads {"String": text} or {"Regex": pattern}.
Pattern read_pattern(const JsonPath& place) {
  const bool regex = place.has("Regex");
  if (place.object().size() != 1 || !(regex || place.has("String")))
    place.refuse(R"({"String": text} or {"Regex": pattern})");
  const JsonPath source = place.at(regex ? "Regex" : "String");
  return parse::with_path(source.path(), [&] {
    Pattern pattern(regex ? from_oniguruma(source.string()) : literal_pattern(source.string()));
    require(!pattern.may_match_nothing(), "pattern '{}': must match at least one character", source.string());
    return pattern;
  });
}

void read_normalizer_step(const JsonPath& place, ReadNormalizer& result) {
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
    if (pattern.has("String") && pattern.at("String").string() == " ") result.symbol = content;
  } else if (type == "Prepend") {
    result.steps.push_back(Prefix{place.at("prepend").string()});
    result.prefix = true;
  } else {
    place.at("type").refuse("one of Sequence, NFC, NFD, NFKC, NFKD, Replace, Prepend");
  }
}

SplitBehavior read_behavior(const JsonPath& place) {
  constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> names{
      {{"Removed", SplitBehavior::removed},
       {"Isolated", SplitBehavior::isolated},
       {"MergedWithPrevious", SplitBehavior::merged_with_previous},
       {"MergedWithNext", SplitBehavior::merged_with_next},
       {"Contiguous", SplitBehavior::contiguous}}};
  for (const auto& [name, behavior] : names) {
    if (place.string() == name) return behavior;
  }
  place.refuse("one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

/// Older files have `add_prefix_space`, newer ones `prepend_scheme`, some both.
Metaspace read_metaspace(const JsonPath& place) {
  Metaspace step;
  step.symbol = place.at("replacement").string();
  std::size_t end = 0;
  if (!step.symbol.empty()) utf8::next(step.symbol, end);
  if (end == 0 || end != step.symbol.size()) place.at("replacement").refuse("one character");
  const bool added = place.boolean("add_prefix_space", true);
  step.split = place.boolean("split", true);
  if (!place.has("prepend_scheme")) {
    step.prefix = added ? PrefixScheme::always : PrefixScheme::never;
    return step;
  }
  const JsonPath scheme = place.at("prepend_scheme");
  const std::string& name = scheme.string();
  if (name != "always" && name != "first" && name != "never") scheme.refuse("one of always, first, never");
  step.prefix = name == "always"  ? PrefixScheme::always
                : name == "first" ? PrefixScheme::first
                                  : PrefixScheme::never;
  if (!added && step.prefix != PrefixScheme::never) scheme.refuse("never where add_prefix_space is false");
  return step;
}

void read_splitter_step(const JsonPath& place, ReadSplitter& result) {
  const std::string type = place.at("type").string();
  require(result.steps.size() < most_splitter_steps, "{}: more than {} steps", place.path(),
          most_splitter_steps);
  require(!result.byte_level, "{}: {} after ByteLevel: ByteLevel must be the last", place.path(), type);
  if (type == "Sequence") {
    for (const JsonPath& part : place.at("pretokenizers").elements()) read_splitter_step(part, result);
  } else if (type == "Split") {
    result.steps.push_back(Split{read_pattern(place.at("pattern")), read_behavior(place.at("behavior")),
                                 place.boolean("invert", false)});
  } else if (type == "Digits") {
    const bool each = place.boolean("individual_digits", false);
    result.steps.push_back(
        Split{Pattern(R"(\p{N})"), each ? SplitBehavior::isolated : SplitBehavior::contiguous, false});
  } else if (type == "ByteLevel") {
    if (place.boolean("add_prefix_space", true)) result.steps.push_back(SpacePrefix{}), result.prefix = true;
    if (place.boolean("use_regex", true))
      result.steps.push_back(Split{Pattern(gpt2_pattern()), SplitBehavior::isolated, false});
    result.byte_level = true;
  } else if (type == "Metaspace") {
    Metaspace step = read_metaspace(place);
    result.symbol = step.symbol;
    result.prefix = step.prefix != PrefixScheme::never;
    result.steps.push_back(std::move(step));
  } else {
    place.at("type").refuse("one of Sequence, Split, Digits, ByteLevel, Metaspace");
  }
}

}  // namespace

ReadNormalizer read_normalizer(const JsonPath& document) {
  ReadNormalizer result;
  if (document.has("normalizer")) read_normalizer_step(document.at("normalizer"), result);
  return result;
}

ReadSplitter read_splitter(const JsonPath& document) {
  ReadSplitter result;
  if (document.has("pre_tokenizer")) read_splitter_step(document.at("pre_tokenizer"), result);
  return result;
}

}  // namespace zofo::tokenize
