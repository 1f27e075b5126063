/// @file Tokens that are found in a text before anything else happens to it (`added_tokens` of
/// `tokenizer.json`).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "zofo/tokenize/blanks.hpp"
#include "zofo/tokenize/pattern.hpp"
#include "zofo/tokenize/special_tokens.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

/// A token written out in the text.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool single_word = false;  ///< no letter or digit may touch it
  bool lstrip = false;       ///< takes the blanks before it
  bool rstrip = false;       ///< takes the blanks behind it
  bool normalized = false;   ///< is looked for in the normalized text
  bool special = false;      ///< is read only where control tokens are
};

/// A set of added tokens.
class AddedTokens {
 public:
  /// `sought` is what the text must have; an empty one is never found.
  void add(const AddedToken& token, std::string sought) {
    literals_.add(std::move(sought), token.id);
    tokens_.emplace(token.id, token);
  }

  /// Calls plain(std::string_view) with each stretch of text and token(id) with each token found, in order.
  /// Of tokens that start at one place the longest is taken.
  template <class Plain, class Token>
  void split(std::string_view text, bool parse_special, Plain&& plain, Token&& token) const {
    std::size_t done = 0;
    for (std::size_t from = 0; const auto found = literals_.find(text, from);) {
      std::size_t begin = found->position, end = found->position + found->length;
      from = end;
      const AddedToken& added = tokens_.at(found->id);
      if (added.special && !parse_special) continue;
      if (added.single_word && touches_word(text, begin, end)) continue;
      if (added.lstrip) begin = std::max(blanks_before(text, begin), done);
      if (added.rstrip) end = blanks_behind(text, end);
      if (done < begin) plain(text.substr(done, begin - done));
      token(added.id);
      done = end;
    }
    if (done < text.size()) plain(text.substr(done));
  }

 private:
  static std::size_t previous(std::string_view text, std::size_t position) {
    do --position;
    while ((static_cast<unsigned char>(text[position]) & 0xC0) == 0x80);
    return position;
  }

  static std::size_t blanks_before(std::string_view text, std::size_t position) {
    while (position > 0) {
      const std::size_t start = previous(text, position);
      std::size_t next = start;
      if (!is_blank(utf8::next(text, next))) break;
      position = start;
    }
    return position;
  }

  static std::size_t blanks_behind(std::string_view text, std::size_t position) {
    while (position < text.size()) {
      std::size_t next = position;
      if (!is_blank(utf8::next(text, next))) break;
      position = next;
    }
    return position;
  }

  bool touches_word(std::string_view text, std::size_t begin, std::size_t end) const {
    const auto word_at = [&](std::size_t position) {
      std::size_t next = position;
      utf8::next(text, next);
      bool match = false;
      word_.stretches(text.substr(position, next - position), word_.match().get(),
                      [&](std::string_view, bool m) { match = m; });
      return match;
    };
    return (begin > 0 && word_at(previous(text, begin))) || (end < text.size() && word_at(end));
  }

  SpecialTokens literals_;
  std::unordered_map<std::int32_t, AddedToken> tokens_;
  Pattern word_{R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])"};  // \w of Unicode's UTS #18
};

}  // namespace zofo::tokenize
