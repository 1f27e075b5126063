#include "zofo/tokenize/assemble.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace zofo::tokenize {

namespace {

/// Whether words may be cut before `symbol`: no merge joins something else and a symbol that follows it.
bool cut_is_safe(const std::string& symbol, const Vocabulary& vocabulary, const std::vector<Merge>& merges,
                 const BpeOptions& options) {
  if (symbol.empty() || options.byte_level || options.whole_words || !vocabulary.id(symbol)) return false;
  for (const auto& [left, right] : merges) {
    const std::string product = left + right;
    bool other = false;
    for (std::size_t i = 0; i < product.size();) {
      const bool here = std::string_view(product).substr(i).starts_with(symbol);
      if (here && other) return false;
      other = !here;
      i += here ? symbol.size() : 1;
    }
  }
  return true;
}

/// The bytes of each token, for decoding.
std::vector<std::optional<std::string>> bytes_of(const Vocabulary& vocabulary,
                                                 const std::vector<AddedToken>& added,
                                                 const BpeOptions& options, const std::string& symbol) {
  const ByteAlphabet alphabet;
  std::vector<std::optional<std::string>> bytes(vocabulary.size());
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    const std::string* spelling = vocabulary.spelling(id);
    if (!spelling) continue;
    bytes[id] = options.byte_level ? alphabet.bytes(*spelling).value_or(*spelling) : *spelling;
    for (std::size_t at = 0; !symbol.empty() && (at = bytes[id]->find(symbol, at)) != std::string::npos; ++at)
      bytes[id]->replace(at, symbol.size(), 1, ' ');
  }
  for (unsigned byte = 0; byte < 256 && options.byte_fallback; ++byte) {
    if (const auto id = vocabulary.id(fallback_spelling(byte)))
      bytes[static_cast<std::size_t>(*id)] = std::string(1, static_cast<char>(byte));
  }
  for (const AddedToken& token : added) bytes[static_cast<std::size_t>(token.id)] = token.content;
  return bytes;
}

}  // namespace

Pipeline assemble(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
                  const std::vector<AddedToken>& added, ReadNormalizer normalizer, ReadSplitter splitter) {
  const std::string& symbol = splitter.symbol.empty() ? normalizer.symbol : splitter.symbol;
  if (cut_is_safe(symbol, vocabulary, merges, options)) splitter.steps.push_back(SymbolCut{symbol});
  TokenBytes bytes(bytes_of(vocabulary, added, options, symbol), normalizer.prefix || splitter.prefix);
  const Normalizer steps(std::move(normalizer.steps));
  AddedTokens raw, normalized;
  for (const AddedToken& token : added) {
    std::string own;
    if (token.normalized) {
      normalized.add(token, std::string(steps.apply(token.content, own)));
    } else {
      raw.add(token, token.content);
    }
  }
  Bpe bpe(vocabulary, merges, options);
  return Pipeline({std::move(vocabulary), std::move(raw), std::move(normalized), steps,
                   Splitter(std::move(splitter.steps)), std::move(bpe), std::move(bytes)});
}

}  // namespace zofo::tokenize
