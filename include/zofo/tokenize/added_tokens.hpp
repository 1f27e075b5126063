/// @file Tokens that are found in a text before it is normalized and split (`added_tokens` of
/// `tokenizer.json`).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "zofo/tokenize/pattern.hpp"
#include "zofo/tokenize/special_tokens.hpp"

namespace zofo::tokenize {

/// A token written out in the text.
struct AddedToken {
  std::int32_t id = 0;       ///< in the vocabulary
  std::string content;       ///< the characters of the token
  bool single_word = false;  ///< found only where no letter or digit touches it
  bool lstrip = false;       ///< includes the white space before it
  bool rstrip = false;       ///< includes the white space after it
  bool normalized = false;   ///< is searched in the normalized text
  bool special = false;      ///< is found only where control tokens are parsed
};

/// A set of added tokens.
class AddedTokens {
 public:
  /// `spelling` is what the text must contain; an empty one is never found.
  void add(const AddedToken& token, std::string spelling);

  /// Calls plain(std::string_view) with each stretch of text and token(id) with each token found, in order.
  /// Of tokens that start at the same position the longest is found.
  template <class Plain, class Token>
  void split(std::string_view text, bool parse_special, Plain&& plain, Token&& token) const {
    std::size_t done = 0;
    for (std::size_t from = 0; const auto found = literals_.find(text, from);) {
      std::size_t begin = found->position, end = found->position + found->length;
      from = end;
      const AddedToken& added = tokens_.at(found->id);
      if (added.special && !parse_special) continue;
      if (added.single_word && touches_word(text, begin, end)) continue;
      if (added.lstrip) begin = std::max(whitespace_before(text, begin), done);
      if (added.rstrip) end = whitespace_after(text, end);
      if (done < begin) plain(text.substr(done, begin - done));
      token(added.id);
      done = end;
    }
    if (done < text.size()) plain(text.substr(done));
  }

 private:
  /// The start of the white space that ends at `position`, and the end of that which starts there.
  static std::size_t whitespace_before(std::string_view text, std::size_t position);
  static std::size_t whitespace_after(std::string_view text, std::size_t position);
  [[nodiscard]] bool touches_word(std::string_view text, std::size_t begin, std::size_t end) const;

  SpecialTokens literals_;
  std::unordered_map<std::int32_t, AddedToken> tokens_;
  Pattern word_{R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])"};  // \w of Unicode's UTS #18
};

}  // namespace zofo::tokenize
