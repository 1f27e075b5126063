/// @file Reads the steps of a `tokenizer.json` before the model: `normalizer` and `pre_tokenizer`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/normalizer.hpp"
#include "zofo/tokenize/splitter.hpp"

namespace zofo::tokenize {

/// The number of steps that a normalizer of a file may have.
inline constexpr std::size_t most_normalizer_steps = 32;

/// The number of steps that a pre-tokenizer of a file may have. Each can double the text by putting a symbol
/// before every word.
inline constexpr std::size_t most_splitter_steps = 16;

/// The steps of a normalizer, and their effect on spaces.
struct ReadNormalizer {
  std::vector<Normalizer::Step> steps;  ///< in the order of their use
  std::string symbol;                   ///< spells a space, if one of the steps replaces spaces
  bool prefix = false;                  ///< a step puts a symbol before every text
};

/// The steps of a pre-tokenizer, and their effect on spaces and bytes.
struct ReadSplitter {
  std::vector<Splitter::Step> steps;  ///< in the order of their use
  std::string symbol;                 ///< spells a space, if one of the steps replaces spaces
  bool prefix = false;                ///< a step puts a symbol before texts
  bool byte_level = false;            ///< words are spelled in the byte alphabet at the end
};

/// Reads `normalizer`. Throws Error naming the JSON path and the value that is not supported.
ReadNormalizer read_normalizer(const JsonPath& document);

/// Reads `pre_tokenizer`. Throws Error naming the JSON path and the value that is not supported.
ReadSplitter read_splitter(const JsonPath& document);

}  // namespace zofo::tokenize
