/// @file `vocab.json` with `merges.txt`: GPT-2's files, which OPT's checkpoints have alone.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/assemble.hpp"
#include "zofo/tokenize/json_bpe.hpp"
#include "zofo/tokenize/json_path.hpp"
#include "zofo/tokenize/tokenizer_config.hpp"

namespace zofo::tokenize {

namespace detail {

/// The lines of `merges.txt`, without the head "#version" and the empty end.
inline std::vector<Merge> parse_merges(const std::string& text) {
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

}  // namespace detail

/// GPT-2's pipeline over the folder's vocabulary; the special tokens are those that `config` names. Throws
/// Error naming the file and the token or merge at fault.
inline Pipeline read_slow_tokenizer(const std::filesystem::path& folder, const TokenizerConfig& config) {
  const auto vocab = folder / "vocab.json", merges_file = folder / "merges.txt";
  const std::string vocab_text = read_file(vocab), merges_text = read_file(merges_file);
  Vocabulary vocabulary = with_path(vocab.string(), [&] {
    const nlohmann::json json = parse_json(vocab_text);
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
  if (config.add_prefix_space) splitter.steps.push_back(BlankPrefix{}), splitter.prefix = true;
  splitter.steps.push_back(Split{Pattern(detail::gpt2_pattern()), SplitBehavior::isolated, false});
  return with_path(merges_file.string(), [&] {
    return assemble(std::move(vocabulary), detail::parse_merges(merges_text),
                    {.byte_level = true, .unknown = {}}, added, {}, std::move(splitter));
  });
}

}  // namespace zofo::tokenize
