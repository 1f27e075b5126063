#include "zofo/tokenize/hugging_face_tokenizer.hpp"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/piece_merges.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/token_type.hpp"
#include "zofo/tokenize/tokenizer_json.hpp"
#include "zofo/tokenize/utf8.hpp"

namespace zofo::tokenize {

namespace {

using detail::GgufKeys;
using nlohmann::json;

constexpr const char* kSpaceSymbol = "\u2581";

/// The keys that both models share.
struct Source {
  Source(const GgufKeys& from, std::optional<std::int32_t> begins)
      : file(from),
        bos(begins),
        tokens(from.strings("tokenizer.ggml.tokens")),
        types(detail::token_types_of(from)) {
    types.resize(tokens.size(), static_cast<std::int64_t>(TokenType::normal));
  }
  [[nodiscard]] std::optional<std::int32_t> mark(const std::string& name) const {
    return detail::token_id_of(file, name, tokens.size());
  }
  [[nodiscard]] const std::string& token(std::int32_t id) const {
    return tokens[static_cast<std::size_t>(id)];
  }

  const GgufKeys& file;
  std::optional<std::int32_t> bos;  ///< put before every text
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
};

json byte_level(bool splits) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", splits}};
}

json pre_tokenizer(const PretokenizerRules& rules) {
  json steps = json::array();
  const bool splits = rules.patterns.back() == kGpt2Pattern;  // ByteLevel has this pattern
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  for (const std::string& pattern : std::span(rules.patterns).first(rules.patterns.size() - (splits ? 1 : 0)))
    steps.push_back(pattern == R"(\p{N})" ? digits
                                          : json{{"type", "Split"},
                                                 {"pattern", {{"Regex", pattern}}},
                                                 {"behavior", "Isolated"},
                                                 {"invert", false}});
  steps.push_back(byte_level(splits));
  return steps.size() == 1 ? steps.front() : json{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

/// A model of type BPE without its options.
json bpe(const Source& source, const std::vector<Merge>& merges) {
  json vocabulary = json::object(), pairs = json::array();
  for (std::size_t id = 0; id < source.tokens.size(); ++id) vocabulary[source.tokens[id]] = id;
  for (const Merge& merge : merges) pairs.push_back({merge.left, merge.right});
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(pairs)}};
}

/// Tokens that are found in texts: control tokens and the unknown one as special, and user-defined ones.
json added_tokens(const Source& source) {
  json tokens = json::array();
  for (std::size_t id = 0; id < source.tokens.size(); ++id) {
    const auto type = static_cast<TokenType>(source.types[id]);
    const bool user = type == TokenType::user_defined;
    if (!user && type != TokenType::control && type != TokenType::unknown) continue;
    if (source.tokens[id].empty()) continue;  // is found in no text
    tokens.push_back({{"id", id},
                      {"content", source.tokens[id]},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", !user}});
  }
  return tokens;
}

json post_processor(const Source& source, json otherwise) {
  if (!source.bos) return otherwise;
  const std::string& bos = source.token(*source.bos);
  const auto special = [&](int sequence) {
    return json{{"SpecialToken", {{"id", bos}, {"type_id", sequence}}}};
  };
  const auto text = [](const char* name, int sequence) {
    return json{{"Sequence", {{"id", name}, {"type_id", sequence}}}};
  };
  return {{"type", "TemplateProcessing"},
          {"single", {special(0), text("A", 0)}},
          {"pair", {special(0), text("A", 0), special(1), text("B", 1)}},
          {"special_tokens", {{bos, {{"id", bos}, {"ids", {*source.bos}}, {"tokens", {bos}}}}}}};
}

json document(json added, json normalizer, json splitter, json processor, json decoder, json model) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", std::move(normalizer)},
          {"pre_tokenizer", std::move(splitter)},
          {"post_processor", std::move(processor)},
          {"decoder", std::move(decoder)},
          {"model", std::move(model)}};
}

json byte_level_document(const Source& source) {
  const PretokenizerRules rules = pretokenizer_rules(source.file.string("tokenizer.ggml.pre"));
  json model = bpe(source, split_merges(source.file.strings("tokenizer.ggml.merges")));
  model["ignore_merges"] = rules.whole_words;
  return document(added_tokens(source), nullptr, pre_tokenizer(rules),
                  post_processor(source, byte_level(true)), byte_level(true), std::move(model));
}

/// The steps that undo the spelling of spaces and bytes.
json spaces_decoder(bool prefix) {
  json steps = {{{"type", "Replace"}, {"pattern", {{"String", kSpaceSymbol}}}, {"content", " "}},
                {{"type", "ByteFallback"}},
                {{"type", "Fuse"}}};
  if (prefix) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

json sentencepiece_document(const Source& source) {
  const SentencePieceModel pieces = detail::sentencepiece_model_of(source.file);
  require(
      !pieces.remove_extra_whitespaces,
      "tokenizer.ggml.remove_extra_whitespaces = true: must be false: cannot be written to tokenizer.json");
  json model = bpe(source, piece_merges(pieces));
  model["byte_fallback"] = pieces.byte_fallback;
  model["fuse_unk"] = true;
  for (std::size_t id = 0; id < source.tokens.size(); ++id) {
    const auto type = static_cast<TokenType>(source.types[id]);
    if (type == TokenType::unknown) model["unk_token"] = source.tokens[id];
  }
  json steps = json::array();
  if (pieces.add_dummy_prefix) steps.push_back({{"type", "Prepend"}, {"prepend", kSpaceSymbol}});
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceSymbol}});
  return document(added_tokens(source), {{"type", "Sequence"}, {"normalizers", std::move(steps)}}, nullptr,
                  post_processor(source, nullptr), spaces_decoder(pieces.add_dummy_prefix), std::move(model));
}

/// The chat template, or, where the file has several, all of them by name.
json chat_template(const GgufKeys& file) {
  const auto text = [&](const std::string& key) {
    std::string value = file.string(key);
    utf8::require_valid(value, key);
    return value;
  };
  const std::string key = "tokenizer.chat_template";
  if (!file.has("tokenizer.chat_templates")) return file.has(key) ? json(text(key)) : json();
  json named = json::array();
  if (file.has(key)) named.push_back({{"name", "default"}, {"template", text(key)}});
  for (const std::string& name : file.strings("tokenizer.chat_templates")) {
    utf8::require_valid(name, "tokenizer.chat_templates");
    named.push_back({{"name", name}, {"template", text(key + "." + name)}});
  }
  return named;
}

json config_document(const Source& source) {
  // The class that takes tokenizer.json as it is; those of model families put their own steps in its place.
  json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"add_bos_token", source.bos.has_value()},
                 {"clean_up_tokenization_spaces", false}};
  for (const auto& [name, key] : {std::pair{"bos", "bos_token"},
                                  {"eos", "eos_token"},
                                  {"unknown", "unk_token"},
                                  {"padding", "pad_token"}})
    if (const auto id = source.mark(name); id && !source.token(*id).empty()) config[key] = source.token(*id);
  if (json chat = chat_template(source.file); !chat.is_null()) config["chat_template"] = std::move(chat);
  const std::string architecture = "general.architecture";
  if (const auto& file = source.file; file.has(architecture))
    if (const std::string context = file.string(architecture) + ".context_length"; file.has(context))
      config["model_max_length"] = file.unsigned_integer(context);
  return config;
}

}  // namespace

void require_same_ids(const Tokenizer& wanted, const Tokenizer& given) {
  const auto listed = [](const std::vector<std::int32_t>& ids) {
    const std::string text = json(ids).dump();
    return text.size() > 100 ? text.substr(0, 100) + "..." : text;
  };
  const auto compare = [&](const std::string& text) {
    for (const bool special : {false, true}) {
      const auto here = wanted.encode(text, special), there = given.encode(text, special);
      require(here == there, "the text {} has the tokens {} here and {} there{}", parse::shown(text),
              listed(here), listed(there), special ? ", with control tokens in texts" : "");
    }
  };
  std::string before;
  for (std::size_t id = 0; id < wanted.size(); ++id) {
    const std::vector<std::int32_t> ids{static_cast<std::int32_t>(id)};
    std::string text = wanted.decode(ids);
    if (utf8::first_invalid(text)) continue;  // a part of a character
    compare(text);
    compare(before + text);
    before = std::move(text);
  }
}

void HuggingFaceTokenizer::write(const std::filesystem::path& folder) const {
  zofo::write_atomically(folder / "tokenizer.json", tokenizer);
  zofo::write_atomically(folder / "tokenizer_config.json", config);
}

HuggingFaceTokenizer detail::hugging_face_tokenizer_of(const GgufKeys& file) {
  const Tokenizer source = tokenizer_of(file);  // checks the keys, so that nothing below has to
  const Source keys(file, source.bos());
  const bool byte_pairs = file.string("tokenizer.ggml.model") == "gpt2";
  HuggingFaceTokenizer made;
  if (byte_pairs) made.pre = file.string("tokenizer.ggml.pre");
  made.tokenizer = (byte_pairs ? byte_level_document(keys) : sentencepiece_document(keys)).dump(1) + "\n";
  made.config = config_document(keys).dump(2) + "\n";
  TokenizerJson written = parse_tokenizer_json(made.tokenizer);
  require_same_ids(source, Tokenizer(std::move(written.pipeline), {.bos = written.bos, .eos = std::nullopt}));
  return made;
}

}  // namespace zofo::tokenize
