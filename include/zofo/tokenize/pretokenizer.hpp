/// @file Splits text into the words that byte-pair merges never cross.
#pragma once

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

/// A compiled PCRE2 pattern (UTF and UCP mode, JIT when the library has it); immutable, so copies share it
/// between threads.
class Pattern {
 public:
  struct FreeMatch {
    void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
  };
  using Match = std::unique_ptr<pcre2_match_data, FreeMatch>;

  /// Throws Error with PCRE2's message and the offset when the pattern is malformed.
  explicit Pattern(const std::string& source) {
    int error = 0;
    std::size_t offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                                     PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    require(code != nullptr, "pattern '{}', offset {}: {}", source, offset, message(error));
    code_ = std::shared_ptr<const pcre2_code>(
        code, [](const pcre2_code* c) { pcre2_code_free(const_cast<pcre2_code*>(c)); });
    pcre2_jit_compile(code,
                      PCRE2_JIT_COMPLETE);  // on failure matching is interpreted: slower, the same result
  }

  /// Scratch for pieces(); one for each concurrent or nested call.
  Match match() const {
    Match match(pcre2_match_data_create(1, nullptr));
    require(match != nullptr, "PCRE2: no memory for match data");
    return match;
  }

  /// Calls visit(std::string_view) with every match and every stretch between matches, in order. Valid UTF-8
  /// only.
  template <class Visit>
  void pieces(std::string_view text, pcre2_match_data* match, Visit&& visit) const {
    std::size_t done = 0;
    while (done < text.size() && find(text, done, match)) {
      const std::size_t* span = pcre2_get_ovector_pointer(match);
      const std::size_t begin = span[0];
      const std::size_t end = span[1];
      require(end > begin, "pattern: matched nothing at byte {}; it must take at least one character", begin);
      if (begin > done) visit(text.substr(done, begin - done));
      visit(text.substr(begin, end - begin));
      done = end;
    }
    if (done < text.size()) visit(text.substr(done));
  }

 private:
  bool find(std::string_view text, std::size_t start, pcre2_match_data* match) const {
    int found = run(text, start, PCRE2_NO_UTF_CHECK, match);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter takes its backtracking memory from the heap
      found = run(text, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match);
    }
    if (found == PCRE2_ERROR_NOMATCH) return false;
    require(found > 0, "splitting text at byte {}: {}", start, message(found));
    return true;
  }

  int run(std::string_view text, std::size_t start, std::uint32_t options, pcre2_match_data* match) const {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, options,
                       match, nullptr);
  }

  static std::string message(int error) {
    std::array<PCRE2_UCHAR, 256> buffer{};
    pcre2_get_error_message(error, buffer.data(), buffer.size());
    return reinterpret_cast<const char*>(buffer.data());
  }

  std::shared_ptr<const pcre2_code> code_;
};

namespace detail {

/// Puts the members of Unicode's White_Space for `@`. PCRE2's own \s also takes U+180E, which the reference
/// tokenizers count as a symbol.
inline std::string with_blanks(std::string_view pattern) {
  constexpr std::string_view kBlanks =
      R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
  std::string filled;
  for (const char c : pattern) c == '@' ? filled += kBlanks : filled += c;
  return filled;
}

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

/// The patterns of a named pretokenizer, each splitting the pieces of the one before.
inline std::vector<std::string> patterns_of(std::string_view name) {
  if (name == "gpt-2") return {gpt2_pattern()};
  if (name == "smollm") return {R"(\p{N})", gpt2_pattern()};
  if (name == "llama-bpe") return {llama3_pattern()};
  fail("tokenizer.ggml.pre = '{}': must be one of gpt-2, smollm, llama-bpe", name);
}

}  // namespace detail

/// A named splitter with llama.cpp's names: `gpt-2`, `smollm` (every digit alone, then gpt-2), `llama-bpe`
/// (Llama 3). Letters and digits are those of the PCRE2 library's Unicode version (10.42: Unicode 14);
/// characters added to Unicode later may split differently from a reference with a newer table.
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
