/// @file Splits text into the words that byte-pair merges never cross.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/blanks.hpp"
#include "zofo/tokenize/pattern.hpp"

namespace zofo::tokenize {

namespace detail {

/// Source: GPT-2's encoder.py (Radford et al. 2019).
inline std::string gpt2_pattern() {
  return with_blanks(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@\p{L}\p{N}]+|[@]+(?![^@])|[@]+)");
}

/// Source: the tokenizer of Llama 3 (Meta 2024).
inline std::string llama3_pattern() {
  return with_blanks(
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^@\p{L}\p{N}]+[\r\n]*|)"
      R"([@]*[\r\n]+|[@]+(?![^@])|[@]+)");
}

/// Llama 3's with every digit alone. Source: the tokenizer of Qwen 2 (Alibaba 2024).
inline std::string qwen2_pattern() {
  std::string pattern = llama3_pattern();
  const std::string_view group = "{1,3}";
  return pattern.erase(pattern.find(group), group.size());
}

/// The patterns of a named pretokenizer, each splitting the pieces of the one before.
inline std::vector<std::string> patterns_of(std::string_view name) {
  if (name == "qwen2") return {qwen2_pattern()};
  if (name == "gpt-2") return {gpt2_pattern()};
  if (name == "smollm") return {R"(\p{N})", gpt2_pattern()};
  if (name == "llama-bpe") return {llama3_pattern()};
  fail("tokenizer.ggml.pre = '{}': must be one of gpt-2, smollm, llama-bpe, qwen2", name);
}

}  // namespace detail

/// A named splitter with llama.cpp's names: `gpt-2`, `smollm` (every digit alone, then gpt-2), `llama-bpe`
/// (Llama 3), `qwen2` (nothing is normalized: llama.cpp does not). Letters and digits are those of the PCRE2
/// library's Unicode version (10.42: Unicode 14); characters added to Unicode later may split differently
/// from a reference with a newer table.
class Pretokenizer {
 public:
  /// Throws Error that lists the known names when `name` is not one of them.
  explicit Pretokenizer(std::string_view name) : takes_whole_words_(name == "llama-bpe") {
    for (const std::string& source : detail::patterns_of(name)) patterns_.emplace_back(source);
  }

  /// True when a word that is itself in the vocabulary is taken without merging (`ignore_merges`).
  bool takes_whole_words() const { return takes_whole_words_; }

  /// Calls visit(std::string_view) with each word in order; the words concatenate to `text` (valid UTF-8).
  template <class Visit>
  void for_each_word(std::string_view text, Visit&& visit) const {
    std::vector<Pattern::Match> matches;
    for (const Pattern& pattern : patterns_) matches.push_back(pattern.match());
    split(text, 0, matches, visit);
  }

 private:
  /// A piece is a text of its own: look-ahead of the next pattern ends where the piece ends, as in the
  /// references.
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
