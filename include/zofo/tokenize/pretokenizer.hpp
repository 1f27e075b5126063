/// @file Splits text into the words that byte-pair merges never cross, by the names of GGUF files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

/// The pattern of GPT-2's words. Source: GPT-2's encoder.py (Radford et al. 2019).
std::string gpt2_pattern();

/// The pattern of `llama-bpe` or `qwen2` as a `tokenizer.json` has it: the Regex of its Split. Throws Error
/// for another name.
std::string json_split_pattern(std::string_view name);

/// A splitter named as in llama.cpp: `gpt-2`, `smollm` (isolates every digit, then gpt-2), `llama-bpe`
/// (Llama 3), `qwen2` (without a normalizer, as in llama.cpp). Letters and digits are those of the PCRE2
/// library's Unicode version (10.42: Unicode 14); characters that Unicode added later may be split
/// differently from a reference with a newer table.
class Pretokenizer {
 public:
  /// Throws Error with the known names when `name` is not one of them.
  explicit Pretokenizer(std::string_view name);

  /// True when a word that is itself in the vocabulary is not merged (`ignore_merges`).
  bool takes_whole_words() const { return takes_whole_words_; }

  /// Calls visit(std::string_view) with each word in order; the words concatenate to `text` (valid UTF-8).
  template <class Visit>
  void for_each_word(std::string_view text, Visit&& visit) const {
    std::vector<Pattern::Match> matches;
    for (const Pattern& pattern : patterns_) matches.push_back(pattern.match());
    split(text, 0, matches, visit);
  }

 private:
  // The next pattern sees each piece as a text of its own: its look-ahead ends at the end of the piece, as in
  // the references.
  template <class Visit>
  void split(std::string_view text, std::size_t level, const std::vector<Pattern::Match>& matches,
             Visit& visit) const {
    if (level == patterns_.size()) return void(visit(text));
    patterns_[level].pieces(text, matches[level].get(),
                            [&](std::string_view piece) { split(piece, level + 1, matches, visit); });
  }

  std::vector<Pattern> patterns_;
  bool takes_whole_words_;
};

}  // namespace zofo::tokenize
