/// @file A compiled regular expression that cuts a text into pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/tokenize/newer_characters.hpp"

// PCRE2's own names of the types behind pcre2_code and pcre2_match_data (8-bit code units), declared here so
// that this header does not include <pcre2.h>.
struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace zofo::tokenize {

/// A compiled PCRE2 pattern (UTF and UCP mode, JIT if available); immutable, so threads may share copies. The
/// categories of characters are those of Unicode 16, or of the library where its version is newer.
class Pattern {
 public:
  /// Frees the memory of a Match.
  struct FreeMatch {
    /// Frees `match`.
    void operator()(pcre2_real_match_data_8* match) const;
  };
  /// Working memory for pieces() and stretches().
  using Match = std::unique_ptr<pcre2_real_match_data_8, FreeMatch>;

  /// Throws Error with PCRE2's message and the offset when the pattern is malformed.
  explicit Pattern(const std::string& source);

  /// Whether the pattern matches the empty string, which pieces() refuses.
  bool may_match_nothing() const;

  /// Returns working memory for pieces(); concurrent and nested calls need one each.
  Match match() const;

  /// Calls visit(std::string_view) with every match and every stretch between matches, in order. `text` must
  /// be valid UTF-8. Throws Error when the pattern matches the empty string or PCRE2 reports an error.
  template <class Visit>
  void pieces(std::string_view text, pcre2_real_match_data_8* match, Visit&& visit) const {
    stretches(text, match, [&visit](std::string_view piece, bool) { visit(piece); });
  }

  /// Same as pieces(), but calls visit(std::string_view, bool) with whether the piece is a match.
  template <class Visit>
  void stretches(std::string_view text, pcre2_real_match_data_8* match, Visit&& visit) const {
    std::size_t done = 0;
    std::pair<std::size_t, std::size_t> found;
    std::string own;
    const std::string_view subject = names_newer_ ? text : with_older_characters(text, own);
    while (done < text.size() && find(subject, done, match, found)) {
      const auto [begin, end] = found;
      if (begin > done) visit(text.substr(done, begin - done), false);
      visit(text.substr(begin, end - begin), true);
      done = end;
    }
    if (done < text.size()) visit(text.substr(done), false);
  }

 private:
  /// Finds the first match at or after `start` and stores its begin and end in `found`.
  bool find(std::string_view text, std::size_t start, pcre2_real_match_data_8* match,
            std::pair<std::size_t, std::size_t>& found) const;

  std::shared_ptr<const pcre2_real_code_8> code_;
  bool names_newer_ = false;  // the pattern has characters that with_older_characters() would replace
};

}  // namespace zofo::tokenize
