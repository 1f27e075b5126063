/// @file Splits text into the words that byte-pair merges never cross, by the names of GGUF files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

/// The pattern of GPT-2's words, for Oniguruma. Source: GPT-2's encoder.py (Radford et al. 2019).
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// The pattern of GPT-2's words for `Pattern`.
std::string gpt2_pattern();

/// What a name under `tokenizer.ggml.pre` stands for.
struct PretokenizerRules {
  std::vector<std::string> patterns;  ///< of Oniguruma, each applied to the pieces of the one before
  bool whole_words = false;  ///< a word that is itself in the vocabulary is not merged (`ignore_merges`)
  bool bos = false;          ///< bos is put before texts where the file has no `add_bos_token`
};

/// The rules of a name; those of llama.cpp. Throws Error with the known names when `name` is not one of them.
PretokenizerRules pretokenizer_rules(std::string_view name);

/// The name of these patterns in GGUF files, the first of several; empty if there is none.
std::string pretokenizer_name(const std::vector<std::string>& patterns, bool whole_words);

/// A splitter named as in llama.cpp, e.g. `gpt-2`, `smollm` (isolates every digit, then gpt-2), `llama-bpe`
/// (Llama 3), `qwen2` (without a normalizer, as in llama.cpp). Letters, digits and the other categories are
/// those of Unicode 16, or of the PCRE2 library's own version where that is newer.
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
