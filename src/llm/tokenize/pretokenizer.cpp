#include "zofo/tokenize/pretokenizer.hpp"

#include "zofo/core/error.hpp"
#include "zofo/tokenize/whitespace.hpp"

namespace zofo::tokenize {

namespace {

/// Source: the tokenizer of Llama 3 (Meta 2024).
std::string llama3_pattern() {
  return with_whitespace(
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^@\p{L}\p{N}]+[\r\n]*|)"
      R"([@]*[\r\n]+|[@]+(?![^@])|[@]+)");
}

/// Llama 3's pattern with isolated digits. Source: the tokenizer of Qwen 2 (Alibaba 2024).
std::string qwen2_pattern() {
  std::string pattern = llama3_pattern();
  const std::string_view group = "{1,3}";
  return pattern.erase(pattern.find(group), group.size());
}

/// The patterns of a named pretokenizer, each applied to the pieces of the one before.
std::vector<std::string> patterns_of(std::string_view name) {
  if (name == "qwen2") return {qwen2_pattern()};
  if (name == "gpt-2") return {gpt2_pattern()};
  if (name == "smollm") return {R"(\p{N})", gpt2_pattern()};
  if (name == "llama-bpe") return {llama3_pattern()};
  fail("tokenizer.ggml.pre = '{}': must be one of gpt-2, smollm, llama-bpe, qwen2", name);
}

}  // namespace

std::string gpt2_pattern() {
  return with_whitespace(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^@\p{L}\p{N}]+|[@]+(?![^@])|[@]+)");
}

std::string json_split_pattern(std::string_view name) {
  require(name == "llama-bpe" || name == "qwen2",
          "tokenizer.ggml.pre = '{}': no tokenizer.json with one split pattern is known for it", name);
  return fmt::format("{}{}{}", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)",
                     name == "qwen2" ? R"(\p{N})" : R"(\p{N}{1,3})",
                     R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

Pretokenizer::Pretokenizer(std::string_view name) : takes_whole_words_(name == "llama-bpe") {
  for (const std::string& source : patterns_of(name)) patterns_.emplace_back(source);
}

}  // namespace zofo::tokenize
