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
#include "zofo/tokenize/oniguruma.hpp"
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

/// The steps before the merges, by the class.
struct ClassSteps {
  ReadNormalizer normalizer;
  ReadSplitter splitter;
};

ClassSteps steps_of(const TokenizerConfig& config) {
  ClassSteps made;
  const auto split = [&](const std::string& pattern) {
    made.splitter.steps.push_back(Split{Pattern(pattern), SplitBehavior::isolated, false});
  };
  const auto space = [&] {
    if (config.add_prefix_space) made.splitter.steps.push_back(SpacePrefix{}), made.splitter.prefix = true;
  };
  const std::string& name = config.class_name;
  if (name.empty() || name == "GPT2Tokenizer" || name == "CodeGenTokenizer") {
    space();
    split(gpt2_pattern());
    return made;
  }
  require(name == "Qwen2Tokenizer" || name == "Qwen3_5Tokenizer",
          "{}: tokenizer_class = '{}': with vocab.json and merges.txt it must be GPT2Tokenizer, "
          "CodeGenTokenizer, "
          "Qwen2Tokenizer or Qwen3_5Tokenizer",
          config.file, name);
  made.normalizer.steps.push_back(UnicodeForm{});
  split(from_oniguruma(pretokenizer_rules(name == "Qwen2Tokenizer" ? "qwen2" : "qwen35").patterns.front()));
  space();
  return made;
}

}  // namespace

Pipeline read_slow_tokenizer(const std::filesystem::path& folder, const TokenizerConfig& config) {
  const auto vocab = folder / "vocab.json", merges_file = folder / "merges.txt";
  const std::string vocab_text = parse::read_file(vocab), merges_text = parse::read_file(merges_file);
  ClassSteps steps = steps_of(config);
  std::vector<AddedToken> added;
  Vocabulary vocabulary = parse::with_path(vocab.string(), [&] {
    const nlohmann::json json = parse::parse_json(vocab_text);
    const JsonPath document(json);
    Vocabulary read(
        id_limit(document.object().size() + config.added_tokens.size() + config.special_tokens.size()));
    read_vocabulary(document, read);
    return read;
  });
  add_configured_tokens(config, vocabulary, added);
  return parse::with_path(merges_file.string(), [&] {
    return assemble(std::move(vocabulary), parse_merges(merges_text), {.byte_level = true, .unknown = {}},
                    added, std::move(steps.normalizer), std::move(steps.splitter));
  });
}

}  // namespace zofo::tokenize
