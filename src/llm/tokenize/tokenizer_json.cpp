#include "zofo/tokenize/tokenizer_json.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/assemble.hpp"
#include "zofo/tokenize/json_model.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/json_steps.hpp"

namespace zofo::tokenize {

TokenizerJson parse_tokenizer_json(std::string_view text, const TokenizerConfig& config) {
  const nlohmann::json json = parse::parse_json(text);
  const JsonPath document(json);
  const JsonPath model = document.at("model");
  if (model.has("type") && model.at("type").string() != "BPE") model.at("type").refuse("BPE");
  const JsonPath vocab = model.at("vocab");
  const std::size_t added_entries =
      document.has("added_tokens") ? document.at("added_tokens").value().size() : 0;
  const std::size_t configured = config.added_tokens.size() + config.special_tokens.size();
  Vocabulary vocabulary(id_limit(vocab.object().size() + added_entries + configured));
  read_vocabulary(vocab, vocabulary);
  ReadSplitter splitter = read_splitter(document);
  const BpeOptions options = read_bpe_options(model, vocabulary, splitter.byte_level);
  std::vector<AddedToken> added = read_added_tokens(document, vocabulary);
  add_configured_tokens(config, vocabulary, added);
  const auto bos = read_post_processor(document, vocabulary);
  const std::vector<Merge> merges = read_merges(model.at("merges"));
  return {
      assemble(std::move(vocabulary), merges, options, added, read_normalizer(document), std::move(splitter)),
      bos};
}

TokenizerJson read_tokenizer_json(const std::filesystem::path& path, const TokenizerConfig& config) {
  const std::string text = parse::read_file(path);
  return parse::with_path(path.string(), [&] { return parse_tokenizer_json(text, config); });
}

}  // namespace zofo::tokenize
