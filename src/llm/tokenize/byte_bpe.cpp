#include "zofo/tokenize/byte_bpe.hpp"

#include <limits>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

constexpr std::int32_t kAbsent = -1;

StringMap<std::int32_t> index(const std::vector<std::string>& tokens) {
  require(tokens.size() <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
          "tokens: {} entries, must fit 31 bits", tokens.size());
  StringMap<std::int32_t> ids;
  ids.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (utf8::first_invalid(tokens[i])) utf8::require_valid(tokens[i], fmt::format("token {}", i));
    const auto [id, fresh] = ids.add(tokens[i], static_cast<std::int32_t>(i));
    require(fresh, "token {} = '{}': already token {}", i, tokens[i], *id);
  }
  return ids;
}

}  // namespace

ByteBpe::ByteBpe(std::vector<std::string> tokens, const std::vector<std::string>& merges,
                 std::vector<std::int64_t> token_types, const std::string& pretokenizer_name)
    : spellings_(std::move(tokens)),
      ids_(index(spellings_)),
      merges_(split_merges(merges), ids_),
      pretokenizer_(pretokenizer_name) {
  require(token_types.empty() || token_types.size() == spellings_.size(),
          "token_type: {} entries, must be as many as tokens: {}", token_types.size(), spellings_.size());
  token_types.resize(spellings_.size(), static_cast<std::int64_t>(TokenType::normal));
  for (std::size_t i = 0; i < spellings_.size(); ++i) add_token(i, token_types[i]);
  for (unsigned byte = 0; byte < 256; ++byte) {
    byte_ids_[byte] = id(alphabet_.letter(static_cast<unsigned char>(byte))).value_or(kAbsent);
  }
}

std::vector<std::int32_t> ByteBpe::encode(std::string_view text, bool parse_special) const {
  utf8::require_valid(text, "text to tokenize");
  WordCaches::Lease cache(caches_);
  const SpecialTokens& literals = parse_special ? all_literals_ : user_literals_;
  std::vector<std::int32_t> ids;
  std::size_t done = 0;
  while (const auto found = literals.find(text, done)) {
    encode_plain(text.substr(done, found->position - done), cache, ids);
    ids.push_back(found->id);
    done = found->position + found->length;
  }
  encode_plain(text.substr(done), cache, ids);
  return ids;
}

std::string ByteBpe::decode(std::span<const std::int32_t> ids, bool /*continues*/) const {
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    require(ids[i] >= 0 && static_cast<std::size_t>(ids[i]) < size(), "token {} = {}: must be in [0, {}]", i,
            ids[i], static_cast<std::ptrdiff_t>(size()) - 1);
    text += bytes_[static_cast<std::size_t>(ids[i])];
  }
  return text;
}

std::optional<std::int32_t> ByteBpe::id(std::string_view token) const {
  const std::int32_t* const found = ids_.find(token);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

void ByteBpe::add_token(std::size_t index, std::int64_t type) {
  require(type >= 1 && type <= 6, "token_type {} = {}: must be in [1, 6]", index, type);
  const auto kind = static_cast<TokenType>(type);
  const std::string& spelling = spellings_[index];
  const bool user = kind == TokenType::user_defined;
  const bool literal = user || kind == TokenType::control || kind == TokenType::unknown;
  bytes_.push_back(literal ? spelling : alphabet_.bytes(spelling).value_or(spelling));
  if (user) user_literals_.add(spelling, static_cast<std::int32_t>(index));
  if (literal) all_literals_.add(spelling, static_cast<std::int32_t>(index));
}

void ByteBpe::encode_plain(std::string_view text, WordCaches::Lease& cache,
                           std::vector<std::int32_t>& ids) const {
  pretokenizer_.for_each_word(text, [&](std::string_view word) {
    cache.append(word, ids, [this](std::string_view w) { return merge_word(w); });
  });
}

std::vector<std::int32_t> ByteBpe::merge_word(std::string_view word) const {
  if (pretokenizer_.takes_whole_words()) {
    if (const auto whole = id(alphabet_.spell(word))) return {*whole};
  }
  std::vector<std::int32_t> symbols;
  for (const char byte : word) {
    const std::int32_t symbol = byte_ids_[static_cast<unsigned char>(byte)];
    if (symbol != kAbsent) symbols.push_back(symbol);
  }
  merges_.apply(symbols);
  return symbols;
}

}  // namespace zofo::tokenize
