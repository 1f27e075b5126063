/// @file A compiled regular expression that cuts a text into pieces.
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

  /// Whether some text has a match of no characters, which pieces() refuses.
  bool may_match_nothing() const {
    std::uint32_t empty = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_MATCHEMPTY, &empty);
    return empty != 0;
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
    stretches(text, match, [&visit](std::string_view piece, bool) { visit(piece); });
  }

  /// As pieces(), calling visit(std::string_view, bool) where the bool says whether the piece is a match.
  template <class Visit>
  void stretches(std::string_view text, pcre2_match_data* match, Visit&& visit) const {
    std::size_t done = 0;
    while (done < text.size() && find(text, done, match)) {
      const std::size_t* span = pcre2_get_ovector_pointer(match);
      const std::size_t begin = span[0];
      const std::size_t end = span[1];
      require(end > begin, "pattern: matched nothing at byte {}; it must take at least one character", begin);
      if (begin > done) visit(text.substr(done, begin - done), false);
      visit(text.substr(begin, end - begin), true);
      done = end;
    }
    if (done < text.size()) visit(text.substr(done), false);
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

}  // namespace zofo::tokenize
