/// @file Reads `pre_tokenizer` of a `tokenizer.json`.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/json_pattern.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/splitter.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

/// Steps that a file's pre-tokenizer may have: each can double the text, by a sign before every word.
inline constexpr std::size_t most_splitter_steps = 16;

/// The steps, and what they do to blanks and bytes.
struct ReadSplitter {
  std::vector<Splitter::Step> steps;
  std::string sign;         ///< spells a blank, if one of the steps gives it a spelling
  bool prefix = false;      ///< a sign is put before texts
  bool byte_level = false;  ///< words are spelled in the byte alphabet at the end
};

namespace detail {

inline SplitBehavior read_behavior(const JsonPath& place) {
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

/// Older files say `add_prefix_space`, newer ones `prepend_scheme`, some both.
inline Metaspace read_metaspace(const JsonPath& place) {
  Metaspace step;
  step.sign = place.at("replacement").string();
  std::size_t end = 0;
  if (!step.sign.empty()) utf8::next(step.sign, end);
  if (end == 0 || end != step.sign.size()) place.at("replacement").refuse("one character");
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

inline void read_splitter_step(const JsonPath& place, ReadSplitter& result) {
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
    if (place.boolean("add_prefix_space", true)) result.steps.push_back(BlankPrefix{}), result.prefix = true;
    if (place.boolean("use_regex", true))
      result.steps.push_back(Split{Pattern(detail::gpt2_pattern()), SplitBehavior::isolated, false});
    result.byte_level = true;
  } else if (type == "Metaspace") {
    Metaspace step = read_metaspace(place);
    result.sign = step.sign;
    result.prefix = step.prefix != PrefixScheme::never;
    result.steps.push_back(std::move(step));
  } else {
    place.at("type").refuse("one of Sequence, Split, Digits, ByteLevel, Metaspace");
  }
}

}  // namespace detail

/// Throws Error naming the JSON path and the value that is not supported.
inline ReadSplitter read_splitter(const JsonPath& document) {
  ReadSplitter result;
  if (document.has("pre_tokenizer")) detail::read_splitter_step(document.at("pre_tokenizer"), result);
  return result;
}

}  // namespace zofo::tokenize
