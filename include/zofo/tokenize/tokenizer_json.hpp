/// @file Hugging Face's `tokenizer.json`: byte-pair models and the parts around them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/assemble.hpp"
#include "zofo/tokenize/json_added_tokens.hpp"
#include "zofo/tokenize/json_bpe.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/json_post_processor.hpp"

namespace zofo::tokenize {

/// A pipeline and the token that its post-processor puts before every text.
struct TokenizerJson {
  Pipeline pipeline;
  std::optional<std::int32_t> bos;
};

/// Reads the text of a `tokenizer.json`. `decoder` is not read, since decode() inverts the other parts, nor
/// are `truncation` and `padding`, which are settings of a call. Throws Error naming the JSON path and the
/// value that is broken or not supported.
inline TokenizerJson parse_tokenizer_json(std::string_view text) {
  const nlohmann::json json = parse_json(text);
  const JsonPath document(json);
  const JsonPath model = document.at("model");
  if (model.has("type") && model.at("type").string() != "BPE") model.at("type").refuse("BPE");
  const JsonPath vocab = model.at("vocab");
  const std::size_t added_entries =
      document.has("added_tokens") ? document.at("added_tokens").value().size() : 0;
  Vocabulary vocabulary(id_limit(vocab.object().size() + added_entries));
  read_vocabulary(vocab, vocabulary);
  ReadSplitter splitter = read_splitter(document);
  const BpeOptions options = read_bpe_options(model, vocabulary, splitter.byte_level);
  const std::vector<AddedToken> added = read_added_tokens(document, vocabulary);
  const auto bos = read_post_processor(document, vocabulary);
  const std::vector<Merge> merges = read_merges(model.at("merges"));
  return {
      assemble(std::move(vocabulary), merges, options, added, read_normalizer(document), std::move(splitter)),
      bos};
}

/// Reads a `tokenizer.json`. Throws Error naming the file, the JSON path and the value at fault.
inline TokenizerJson read_tokenizer_json(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  return with_path(path.string(), [&] { return parse_tokenizer_json(text); });
}

}  // namespace zofo::tokenize
