/// @file Reads `model` of a `tokenizer.json`.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/bpe.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/merge_table.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

/// Throws Error naming the JSON path: no object of ids, or an id or token refused by Vocabulary.
inline void read_vocabulary(const JsonPath& place, Vocabulary& vocabulary) {
  for (const auto& [token, id] : place.object().items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 0x7FFFFFFF)
      place.at(token).refuse("an integer in [0, 2^31)");
    with_path(place.path(),
               [&, &key = token, &number = id] { vocabulary.add(key, number.get<std::int64_t>()); });
  }
}

/// Merges in either form, ["a b"] or [["a", "b"]]. Throws Error naming the JSON path.
inline std::vector<Merge> read_merges(const JsonPath& place) {
  const std::vector<JsonPath> entries = place.elements();
  if (entries.empty() || entries.front().value().is_string()) {
    std::vector<std::string> lines;
    for (const JsonPath& entry : entries) {
      if (!entry.string().starts_with("#version")) lines.push_back(entry.string());
    }
    return with_path(place.path(), [&] { return split_merges(lines); });
  }
  std::vector<Merge> merges;
  merges.reserve(entries.size());
  for (const JsonPath& entry : entries) {
    const std::vector<JsonPath> pair = entry.elements();
    if (pair.size() != 2) entry.refuse("two tokens");
    merges.push_back({pair[0].string(), pair[1].string()});
  }
  return merges;
}

namespace detail {

/// Refuses what changes the ids and is not done here.
inline void refuse_bpe_extras(const JsonPath& model) {
  if (model.has("type") && model.at("type").string() != "BPE") model.at("type").refuse("BPE");
  for (const std::string key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (model.has(key) && !model.at(key).string().empty()) model.at(key).refuse("null or empty");
  }
  if (model.has("dropout")) {
    const JsonPath place = model.at("dropout");
    if (!place.value().is_number() || place.value().get<double>() != 0) place.refuse("null or 0");
  }
}

/// Some files write no unknown token as "": fine where every byte has a token, so that none is unknown.
inline std::optional<std::int32_t> read_unknown(const JsonPath& model, const Vocabulary& vocabulary,
                                                bool byte_level) {
  if (!model.has("unk_token")) return std::nullopt;
  const JsonPath place = model.at("unk_token");
  const auto id = vocabulary.id(place.string());
  const ByteAlphabet alphabet;
  bool complete = byte_level;
  for (unsigned byte = 0; byte < 256 && complete; ++byte)
    complete = vocabulary.id(alphabet.letter(static_cast<unsigned char>(byte))).has_value();
  if (!id && !(place.string().empty() && complete)) place.refuse("a token of model.vocab");
  return id;
}

}  // namespace detail

/// The options of a BPE model whose vocabulary is read. Throws Error naming the JSON path and the value that
/// is not supported.
inline BpeOptions read_bpe_options(const JsonPath& model, const Vocabulary& vocabulary, bool byte_level) {
  detail::refuse_bpe_extras(model);
  return {.byte_level = byte_level,
          .byte_fallback = model.boolean("byte_fallback", false),
          .fuse_unknown = model.boolean("fuse_unk", false),
          .whole_words = model.boolean("ignore_merges", false),
          .unknown = detail::read_unknown(model, vocabulary, byte_level)};
}

}  // namespace zofo::tokenize
