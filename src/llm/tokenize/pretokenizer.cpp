#include "zofo/tokenize/pretokenizer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/oniguruma.hpp"

namespace zofo::tokenize {

namespace {

constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kContraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
constexpr std::string_view kSpaces = R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

std::string concatenated(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) joined += part;
  return joined;
}

/// Llama 3's pattern (Meta 2024) and its relatives: numbers, and what a run of symbols ends with.
std::string llama_words(std::string_view numbers, std::string_view symbols = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|)",
                        std::string_view spaces = kSpaces) {
  return concatenated({kContraction, R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)", numbers, symbols, spaces});
}

/// Tekken's pattern (Mistral 2024) as llama.cpp has it: letters other than a-z, then letters other than A-Z,
/// where tokenizer.json has upper and lower case of all scripts. `tail` follows each of the two.
std::string case_words(std::string_view tail, std::string_view numbers) {
  constexpr std::string_view start = R"([^\r\n\p{L}\p{N}]?)", upper = R"((?:(?=[\p{L}])(?:[^a-z])))",
                             lower = R"((?:(?=[\p{L}])(?:[^A-Z])))";
  return concatenated({start, upper, "*", lower, "+", tail, "|", start, upper, "+", lower, "*", tail, "|",
                       numbers, R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|)", kSpaces});
}

/// DeepSeek's patterns for languages without blanks between words.
constexpr std::string_view kHan = R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)";
constexpr std::string_view kAsian =  // to llama.cpp white space is in no range
    R"((?:(?=\S)[\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}])+)";

std::vector<std::string> deepseek3() {
  return {R"(\p{N}{1,3})", std::string(kHan),
          concatenated(
              {R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)",
               R"( ?[\p{P}\p{S}]+[\r\n]*|)", kSpaces})};
}

/// Words that end at a blank or a mark of punctuation. Source: BLOOM (BigScience 2022).
constexpr std::string_view kBloom = R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)";

/// One set of rules and its names, separated by spaces; the first is the one that files are written with.
struct Family {
  std::string_view names;
  PretokenizerRules (*rules)();

  [[nodiscard]] bool has(std::string_view name) const {
    for (std::size_t at = 0; at <= names.size();) {
      const std::size_t end = std::min(names.find(' ', at), names.size());
      if (names.substr(at, end - at) == name) return true;
      at = end + 1;
    }
    return false;
  }
};

constexpr std::string_view kSymbolsEnd = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|)";

const std::array<Family, 18> kFamilies{{
    {"gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert mpt olmo jais "
     "trillion granite-docling exaone4",
     [] { return PretokenizerRules{{std::string(kGpt2Pattern)}}; }},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
     [] { return PretokenizerRules{{std::string(kDigit), std::string(kGpt2Pattern)}}; }},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     [] { return PretokenizerRules{{llama_words(R"(\p{N}{1,3})")}, true, true}; }},
    {"smaug-bpe dbrx chatglm-bpe", [] { return PretokenizerRules{{llama_words(R"(\p{N}{1,3})")}}; }},
    {"glm4", [] { return PretokenizerRules{{llama_words(R"(\p{N}{1,3})")}, true, false}; }},
    {"qwen2 deepseek-r1-qwen megrez stablelm2 hunyuan solar-open grok-2 kormo f2llmv2",
     [] { return PretokenizerRules{{llama_words(kDigit)}}; }},
    {"qwen35",
     [] {
       return PretokenizerRules{{concatenated({kContraction, R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|)",
                                               R"( ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)", kSpaces})}};
     }},
    {"tekken", [] { return PretokenizerRules{{case_words("", kDigit)}, true, true}; }},
    {"gpt-4o llama4 kanana2 talkie minimax-m2",
     [] { return PretokenizerRules{{case_words(concatenated({kContraction, "?"}), R"(\p{N}{1,3})")}}; }},
    {"default",
     [] {
       return PretokenizerRules{
           {R"([\p{P}\$\+<=>\^~\|]+)", std::string(kGpt2Pattern), R"(\p{N}+)", "[0-9][0-9][0-9]"}};
     }},
    {"falcon",
     [] {
       return PretokenizerRules{{R"([\p{P}\$\+<=>\^~\|`]+)", std::string(kGpt2Pattern), "[0-9][0-9][0-9]"}};
     }},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", [] { return PretokenizerRules{deepseek3()}; }},
    {"deepseek-coder",
     [] {
       return PretokenizerRules{
           {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", std::string(kAsian), std::string(kDigit)}};
     }},
    {"bloom poro-chat gpt3-finnish", [] { return PretokenizerRules{{std::string(kBloom)}}; }},
    {"viking", [] { return PretokenizerRules{{std::string(kBloom), std::string(kDigit)}}; }},
    {"bailingmoe bailingmoe2 llada-moe",
     [] { return PretokenizerRules{{llama_words(kDigit, kSymbolsEnd, R"(\s*[\r\n]|\s+(?!\S)|\s+)")}}; }},
    {"seed-coder", [] { return PretokenizerRules{{llama_words(kDigit, R"(| ?[^\s\p{L}\p{N}\r\n]+|)")}}; }},
    {"minicpm5", [] { return PretokenizerRules{{R"(\p{N}{1,3})", llama_words(R"(\p{N}+)")}, true, false}; }},
}};

}  // namespace

std::string gpt2_pattern() { return from_oniguruma(kGpt2Pattern); }

PretokenizerRules pretokenizer_rules(std::string_view name) {
  std::string known;
  for (const Family& family : kFamilies) {
    if (family.has(name)) return family.rules();
    for (const char c : concatenated({known.empty() ? "" : " ", family.names}))
      c == ' ' ? known += ", " : known += c;
  }
  fail("tokenizer.ggml.pre = '{}': must be one of {}", name, known);
}

std::string pretokenizer_name(const std::vector<std::string>& patterns, bool whole_words) {
  for (const Family& family : kFamilies) {
    const PretokenizerRules rules = family.rules();
    if (rules.patterns == patterns && rules.whole_words == whole_words)
      return std::string(family.names.substr(0, family.names.find(' ')));
  }
  return "";
}

Pretokenizer::Pretokenizer(std::string_view name) : takes_whole_words_(false) {
  const PretokenizerRules rules = pretokenizer_rules(name);
  takes_whole_words_ = rules.whole_words;
  for (const std::string& source : rules.patterns) patterns_.emplace_back(from_oniguruma(source));
}

}  // namespace zofo::tokenize
