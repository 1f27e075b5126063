#include "zofo/tokenize/json_model.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::tokenize {

using parse::with_path;

void read_vocabulary(const JsonPath& place, Vocabulary& vocabulary) {
  for (const auto& [token, id] : place.object().items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > 0x7FFFFFFF)
      place.at(token).refuse("an integer in [0, 2^31)");
    with_path(place.path(),
              [&, &key = token, &number = id] { vocabulary.add(key, number.get<std::int64_t>()); });
  }
}

std::vector<Merge> read_merges(const JsonPath& place) {
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

namespace {

/// Refuses options that change the ids and are not implemented here.
void refuse_bpe_extras(const JsonPath& model) {
  if (model.has("type") && model.at("type").string() != "BPE") model.at("type").refuse("BPE");
  for (const std::string key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (model.has(key) && !model.at(key).string().empty()) model.at(key).refuse("null or empty");
  }
  if (model.has("dropout")) {
    const JsonPath place = model.at("dropout");
    if (!place.value().is_number() || place.value().get<double>() != 0) place.refuse("null or 0");
  }
}

/// Some files write a missing unknown token as "". That is accepted where every byte has a token, so that no
/// character is unknown.
std::optional<std::int32_t> read_unknown(const JsonPath& model, const Vocabulary& vocabulary,
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

}  // namespace

BpeOptions read_bpe_options(const JsonPath& model, const Vocabulary& vocabulary, bool byte_level) {
  refuse_bpe_extras(model);
  return {.byte_level = byte_level,
          .byte_fallback = model.boolean("byte_fallback", false),
          .fuse_unknown = model.boolean("fuse_unk", false),
          .whole_words = model.boolean("ignore_merges", false),
          .unknown = read_unknown(model, vocabulary, byte_level)};
}

std::vector<AddedToken> read_added_tokens(const JsonPath& document, Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  if (!document.has("added_tokens")) return tokens;
  StringMap<bool> seen;
  for (const JsonPath& place : document.at("added_tokens").elements()) {
    const std::string content = place.at("content").string();
    if (content.empty()) place.at("content").refuse("a text of at least one character");
    if (!seen.add(content, true).second) place.at("content").refuse("listed once");
    const std::int64_t id = place.at("id").integer();
    const auto known = vocabulary.id(content);
    if (known && *known != id)
      place.at("id").refuse(fmt::format("{}, the id of '{}' in model.vocab", *known, content));
    if (!known) with_path(place.path(), [&] { vocabulary.add(content, id); });
    const bool special = place.boolean("special", false);
    tokens.push_back({.id = static_cast<std::int32_t>(id),
                      .content = content,
                      .single_word = place.boolean("single_word", false),
                      .lstrip = place.boolean("lstrip", false),
                      .rstrip = place.boolean("rstrip", false),
                      .normalized = place.boolean("normalized", !special),
                      .special = special});
  }
  return tokens;
}

namespace {

std::int32_t special_token(const JsonPath& processor, const JsonPath& name, const Vocabulary& vocabulary) {
  const std::vector<JsonPath> ids = processor.at("special_tokens").at(name.string()).at("ids").elements();
  if (ids.size() != 1) name.refuse("one token");
  const std::int64_t id = ids.front().integer();
  if (id < 0 || !vocabulary.spelling(static_cast<std::size_t>(id))) ids.front().refuse("a token's id");
  return static_cast<std::int32_t>(id);
}

/// Reads a TemplateProcessing; its `single` lists the text and the special tokens around it.
void read_template(const JsonPath& place, const Vocabulary& vocabulary, std::optional<std::int32_t>& bos) {
  bool text = false;
  for (const JsonPath& part : place.at("single").elements()) {
    if (part.has("Sequence")) {
      if (text) part.refuse("listed once");
      text = true;
      continue;
    }
    const JsonPath name = part.at("SpecialToken").at("id");
    if (text) name.refuse("before the text: tokens after it are not supported");
    if (bos) name.refuse("the only token before the text");
    bos = special_token(place, name, vocabulary);
  }
  if (!text) place.at("single").refuse("a template with the text in it");
}

void read_processor(const JsonPath& place, const Vocabulary& vocabulary, std::optional<std::int32_t>& bos) {
  const std::string type = place.at("type").string();
  if (type == "Sequence") {
    for (const JsonPath& part : place.at("processors").elements()) read_processor(part, vocabulary, bos);
  } else if (type == "TemplateProcessing") {
    read_template(place, vocabulary, bos);
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    place.at("type").refuse(
        "one of Sequence, TemplateProcessing, ByteLevel: this one puts a token after every text, which is "
        "not "
        "supported");
  } else if (type != "ByteLevel") {  // ByteLevel changes only offsets
    place.at("type").refuse("one of Sequence, TemplateProcessing, ByteLevel");
  }
}

}  // namespace

std::optional<std::int32_t> read_post_processor(const JsonPath& document, const Vocabulary& vocabulary) {
  std::optional<std::int32_t> bos;
  if (document.has("post_processor")) read_processor(document.at("post_processor"), vocabulary, bos);
  return bos;
}

}  // namespace zofo::tokenize
