/// @file Reads `post_processor` of a `tokenizer.json`: what is put before a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/vocabulary.hpp"

namespace zofo::tokenize {

namespace detail {

inline std::int32_t special_token(const JsonPath& processor, const JsonPath& name,
                                  const Vocabulary& vocabulary) {
  const std::vector<JsonPath> ids = processor.at("special_tokens").at(name.string()).at("ids").elements();
  if (ids.size() != 1) name.refuse("one token");
  const std::int64_t id = ids.front().integer();
  if (id < 0 || !vocabulary.spelling(static_cast<std::size_t>(id))) ids.front().refuse("a token's id");
  return static_cast<std::int32_t>(id);
}

/// `single` is the text with special tokens around it.
inline void read_template(const JsonPath& place, const Vocabulary& vocabulary,
                          std::optional<std::int32_t>& bos) {
  bool text = false;
  for (const JsonPath& part : place.at("single").elements()) {
    if (part.has("Sequence")) {
      if (text) part.refuse("there once");
      text = true;
      continue;
    }
    const JsonPath name = part.at("SpecialToken").at("id");
    if (text) name.refuse("before the text: tokens behind it are not supported");
    if (bos) name.refuse("the only token before the text");
    bos = special_token(place, name, vocabulary);
  }
  if (!text) place.at("single").refuse("a template with the text in it");
}

inline void read_processor(const JsonPath& place, const Vocabulary& vocabulary,
                           std::optional<std::int32_t>& bos) {
  const std::string type = place.at("type").string();
  if (type == "Sequence") {
    for (const JsonPath& part : place.at("processors").elements()) read_processor(part, vocabulary, bos);
  } else if (type == "TemplateProcessing") {
    read_template(place, vocabulary, bos);
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    place.at("type").refuse("another: it puts a token behind every text, which is not supported");
  } else if (type != "ByteLevel") {  // ByteLevel moves offsets alone
    place.at("type").refuse("one of Sequence, TemplateProcessing, ByteLevel");
  }
}

}  // namespace detail

/// The token put before every text, if any. Throws Error naming the JSON path where tokens are put elsewhere.
inline std::optional<std::int32_t> read_post_processor(const JsonPath& document,
                                                       const Vocabulary& vocabulary) {
  std::optional<std::int32_t> bos;
  if (document.has("post_processor")) detail::read_processor(document.at("post_processor"), vocabulary, bos);
  return bos;
}

}  // namespace zofo::tokenize
