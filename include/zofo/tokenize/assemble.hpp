/// @file Puts a Pipeline together from what was read of its parts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/tokenize/json_normalizer.hpp"
#include "zofo/tokenize/json_splitter.hpp"
#include "zofo/tokenize/pipeline.hpp"

namespace zofo::tokenize {

namespace detail {

/// Whether no merge joins something else and a sign that follows it: then words may be cut there.
inline bool cut_is_safe(const std::string& sign, const Vocabulary& vocabulary,
                        const std::vector<Merge>& merges, const BpeOptions& options) {
  if (sign.empty() || options.byte_level || options.whole_words || !vocabulary.id(sign)) return false;
  for (const auto& [left, right] : merges) {
    const std::string product = left + right;
    bool other = false;
    for (std::size_t i = 0; i < product.size();) {
      const bool here = std::string_view(product).substr(i).starts_with(sign);
      if (here && other) return false;
      other = !here;
      i += here ? sign.size() : 1;
    }
  }
  return true;
}

/// The bytes that each token stands for.
inline std::vector<std::optional<std::string>> bytes_of(const Vocabulary& vocabulary,
                                                        const std::vector<AddedToken>& added,
                                                        const BpeOptions& options, const std::string& sign) {
  const ByteAlphabet alphabet;
  std::vector<std::optional<std::string>> bytes(vocabulary.size());
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    const std::string* spelling = vocabulary.spelling(id);
    if (!spelling) continue;
    bytes[id] = options.byte_level ? alphabet.bytes(*spelling).value_or(*spelling) : *spelling;
    for (std::size_t at = 0; !sign.empty() && (at = bytes[id]->find(sign, at)) != std::string::npos; ++at)
      bytes[id]->replace(at, sign.size(), " ");
  }
  for (unsigned byte = 0; byte < 256 && options.byte_fallback; ++byte) {
    if (const auto id = vocabulary.id(fallback_spelling(byte)))
      bytes[static_cast<std::size_t>(*id)] = std::string(1, static_cast<char>(byte));
  }
  for (const AddedToken& token : added) bytes[static_cast<std::size_t>(token.id)] = token.content;
  return bytes;
}

}  // namespace detail

/// `options` are those of the model, `normalizer` and `splitter` what was read, `vocabulary` holds the added
/// tokens too.
inline Pipeline assemble(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
                         const std::vector<AddedToken>& added, ReadNormalizer normalizer,
                         ReadSplitter splitter) {
  const std::string& sign = splitter.sign.empty() ? normalizer.sign : splitter.sign;
  if (detail::cut_is_safe(sign, vocabulary, merges, options)) splitter.steps.push_back(SignCut{sign});
  TokenBytes bytes(detail::bytes_of(vocabulary, added, options, sign), normalizer.prefix || splitter.prefix);
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
