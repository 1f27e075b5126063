#include "zofo/tokenize/slow_tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/assemble.hpp"
#include "zofo/tokenize/json_model.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/pretokenizer.hpp"

namespace zofo::tokenize {

namespace {

/// Parses `merges.txt`. Skips empty lines and a first line "#version".
std::vector<Merge> parse_merges(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !(begin == 0 && line.starts_with("#version"))) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return split_merges(lines);
}

}  // namespace

Pipeline read_slow_tokenizer(const std::filesystem::path& folder, const TokenizerConfig& config) {
  const auto vocab = folder / "vocab.json", merges_file = folder / "merges.txt";
  const std::string vocab_text = parse::read_file(vocab), merges_text = parse::read_file(merges_file);
  Vocabulary vocabulary = parse::with_path(vocab.string(), [&] {
    const nlohmann::json json = parse::parse_json(vocab_text);
    const JsonPath document(json);
    Vocabulary read(id_limit(document.object().size()));
    read_vocabulary(document, read);
    return read;
  });
  std::vector<AddedToken> added;
  for (const std::string& token : config.special_tokens) {
    const auto id = vocabulary.id(token);
    require(id && !token.empty(), "{}: special token '{}': is not in {}", config.file, token, vocab.string());
    added.push_back({.id = *id, .content = token, .normalized = false, .special = true});
  }
  ReadSplitter splitter;
  if (config.add_prefix_space) splitter.steps.push_back(SpacePrefix{}), splitter.prefix = true;
  splitter.steps.push_back(Split{Pattern(gpt2_pattern()), SplitBehavior::isolated, false});
  return parse::with_path(merges_file.string(), [&] {
    return assemble(std::move(vocabulary), parse_merges(merges_text), {.byte_level = true, .unknown = {}},
                    added, {}, std::move(splitter));
  });
}

}  // namespace zofo::tokenize
