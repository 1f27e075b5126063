#include "zofo/tokenize/from_gguf.hpp"

#include <array>
#include <cstddef>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
#include "zofo/tokenize/pretokenizer.hpp"
#include "zofo/tokenize/sentencepiece.hpp"
#include "zofo/tokenize/token_type.hpp"

namespace zofo::tokenize {

namespace {

using detail::GgufKeys;

/// The token whose id is stored under `key`.
std::int32_t gguf_token(const GgufKeys& file, const std::string& key, std::size_t size) {
  const std::uint64_t id = file.unsigned_integer(key);
  require(id < size, "{} = {}: must be in [0, {})", key, id, size);
  return static_cast<std::int32_t>(id);
}

bool gguf_flag(const GgufKeys& file, const std::string& key, bool otherwise) {
  return file.has(key) ? file.boolean(key) : otherwise;
}

ByteBpe gguf_byte_bpe(const GgufKeys& file, const std::string& pre) {
  return ByteBpe(file.strings("tokenizer.ggml.tokens"), file.strings("tokenizer.ggml.merges"),
                 detail::token_types_of(file), pre);
}

/// Tokens that end a text or a turn wherever they exist. Source: llama.cpp, which knows them by their text.
constexpr std::array<const char*, 11> kEnds{
    "<|eot_id|>", "<|im_end|>",         "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>",
    "<|eom_id|>", "<end_of_utterance>", "<EOT>",   "_<EOT>",        "[EOT]"};

/// What the model has where the file has no key.
struct Defaults {
  bool add_bos = false;
  std::optional<std::int32_t> bos, eos;
};

template <class Codec>
Tokenizer gguf_marked(Codec codec, const GgufKeys& file, const Defaults& defaults) {
  require(!gguf_flag(file, "tokenizer.ggml.add_eos_token", false),
          "tokenizer.ggml.add_eos_token = true: must be false: tokens after a text are not supported");
  const auto token = [&](const char* name, std::optional<std::int32_t> otherwise) {
    const auto id = detail::token_id_of(file, name, codec.size());
    const bool exists = otherwise && static_cast<std::size_t>(*otherwise) < codec.size();
    return id || !exists ? id : otherwise;
  };
  SequenceMarks marks;
  if (gguf_flag(file, "tokenizer.ggml.add_bos_token", defaults.add_bos)) {
    marks.bos = token("bos", defaults.bos);
    require(marks.bos.has_value(),
            "tokenizer.ggml.bos_token_id is missing, but {} puts this token before texts",
            file.has("tokenizer.ggml.add_bos_token") ? "tokenizer.ggml.add_bos_token" : "the tokenizer");
  }
  marks.eos = token("eos", defaults.eos);
  for (const char* name : {"eot", "eom"})
    if (const auto id = token(name, std::nullopt)) marks.more_ends.push_back(*id);
  for (const char* name : kEnds)
    if (const auto id = codec.id(name)) marks.more_ends.push_back(*id);
  return Tokenizer(std::move(codec), marks);
}

}  // namespace

std::optional<std::int32_t> detail::token_id_of(const GgufKeys& file, const std::string& name,
                                                std::size_t size) {
  const std::string key = "tokenizer.ggml." + name + "_token_id";
  return file.has(key) ? std::optional(gguf_token(file, key, size)) : std::nullopt;
}

std::vector<std::int64_t> detail::token_types_of(const GgufKeys& file) {
  const std::string key = "tokenizer.ggml.token_type";
  return file.has(key) ? file.integers(key) : std::vector<std::int64_t>{};
}

/// Rebuilds the SentencePiece model from its pieces, scores and types, which the file copies unchanged.
SentencePieceModel detail::sentencepiece_model_of(const GgufKeys& file) {
  const std::vector<std::string> tokens = file.strings("tokenizer.ggml.tokens");
  const std::vector<float> scores = file.floats("tokenizer.ggml.scores");
  const std::vector<std::int64_t> types = file.integers("tokenizer.ggml.token_type");
  require(
      scores.size() == tokens.size() && types.size() == tokens.size(),
      "tokenizer.ggml.scores and tokenizer.ggml.token_type: {} and {} entries, must be as many as tokens: {}",
      scores.size(), types.size(), tokens.size());
  SentencePieceModel model;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    require(types[i] >= 1 && types[i] <= 6, "tokenizer.ggml.token_type {} = {}: must be in [1, 6]", i,
            types[i]);
    model.pieces.push_back({tokens[i], scores[i], static_cast<std::uint64_t>(types[i])});
    model.byte_fallback |= types[i] == static_cast<std::int64_t>(TokenType::byte);
  }
  model.model_type = 2;
  model.add_dummy_prefix = gguf_flag(file, "tokenizer.ggml.add_space_prefix", true);
  model.remove_extra_whitespaces = gguf_flag(file, "tokenizer.ggml.remove_extra_whitespaces", false);
  return model;
}

Tokenizer detail::tokenizer_of(const GgufKeys& file) {
  const std::string model = file.string("tokenizer.ggml.model");
  if (model == "llama") {
    // As in llama.cpp, which finds user-defined tokens first and puts a space before each text between
    // tokens.
    SentencePieceOptions options{.after_token = AfterToken::space, .user_defined_apart = true};
    return gguf_marked(SentencePiece(sentencepiece_model_of(file), std::move(options)), file,
                       {.add_bos = true, .bos = 1, .eos = 2});
  }
  require(
      model == "gpt2",
      "tokenizer.ggml.model = '{}': must be gpt2 (byte-level byte-pair encoding) or llama (SentencePiece)",
      model);
  const std::string pre = file.string("tokenizer.ggml.pre");
  return gguf_marked(gguf_byte_bpe(file, pre), file,
                     {.add_bos = pretokenizer_rules(pre).bos, .bos = std::nullopt, .eos = std::nullopt});
}

}  // namespace zofo::tokenize
