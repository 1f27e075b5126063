#include "zofo/tokenize/added_tokens.hpp"

#include <utility>

#include "zofo/tokenize/utf8.hpp"
#include "zofo/tokenize/whitespace.hpp"

namespace zofo::tokenize {

namespace {

/// The start of the character before `position`.
std::size_t previous(std::string_view text, std::size_t position) {
  do --position;
  while ((static_cast<unsigned char>(text[position]) & 0xC0) == 0x80);
  return position;
}

}  // namespace

void AddedTokens::add(const AddedToken& token, std::string spelling) {
  literals_.add(std::move(spelling), token.id);
  tokens_.emplace(token.id, token);
}

std::size_t AddedTokens::whitespace_before(std::string_view text, std::size_t position) {
  while (position > 0) {
    const std::size_t start = previous(text, position);
    std::size_t next = start;
    if (!is_whitespace(utf8::next(text, next))) break;
    position = start;
  }
  return position;
}

std::size_t AddedTokens::whitespace_after(std::string_view text, std::size_t position) {
  while (position < text.size()) {
    std::size_t next = position;
    if (!is_whitespace(utf8::next(text, next))) break;
    position = next;
  }
  return position;
}

bool AddedTokens::touches_word(std::string_view text, std::size_t begin, std::size_t end) const {
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

}  // namespace zofo::tokenize
