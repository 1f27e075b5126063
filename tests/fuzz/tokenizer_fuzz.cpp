/// @file Tokenizers: an input that begins with a brace is parsed as `tokenizer.json`, one that begins with
/// GGUF's magic as a GGUF file, any other as a SentencePiece model. A tokenizer that loads encodes a text to
/// the same ids twice and can decode them.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/tokenize/byte_alphabet.hpp"
#include "zofo/tokenize/from_gguf.hpp"
#include "zofo/tokenize/sentencepiece.hpp"
#include "zofo/tokenize/tokenizer_json.hpp"

using namespace zofo::tokenize;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

/// Runs of white space, white space at the ends, contractions, digits, letters of two, three and four bytes,
/// combining marks, control tokens.
constexpr std::string_view texts[] = {"", " Hello  we're here,   12345 times\n\n\tI'LL  ",
                                      "a\u0301\u00e9\u6f22\u5b57\U0001F600\u200d\u2581x<s></s><0x41>",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"};

void encode(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    std::vector<std::int32_t> ids;
    if (!accepts([&] { ids = tokenizer.encode(text, special); })) continue;
    for (const std::int32_t id : ids)
      demand(id >= 0 && static_cast<std::size_t>(id) < tokenizer.size(), "ids are in the vocabulary");
    demand(tokenizer.encode(text, special) == ids, "a text has the same ids when it is encoded again");
    demand(accepts([&] { (void)tokenizer.decode(ids); }), "ids of a text can be decoded");
  }
}

void exercise(const Tokenizer& tokenizer) {
  for (const std::string_view text : texts) encode(tokenizer, text);
  for (std::int32_t id = 0; id < 8 && static_cast<std::size_t>(id) < tokenizer.size(); ++id) {
    std::string text;
    if (accepts([&] { text = tokenizer.decode(std::span(&id, 1)); })) encode(tokenizer, text);
  }
}

/// Where every byte has a token and no token is a literal, decoding returns the text.
void check_round_trip(const zofo::checkpoint::GgufFile& file, const Tokenizer& tokenizer) {
  const ByteAlphabet alphabet;
  for (unsigned byte = 0; byte < 256; ++byte)
    if (!tokenizer.id(alphabet.letter(static_cast<unsigned char>(byte)))) return;
  if (file.string("tokenizer.ggml.model") != "gpt2" || file.has("tokenizer.ggml.token_type")) return;
  for (const std::string_view text : texts)
    demand(tokenizer.decode(tokenizer.encode(text)) == text, "decoding returns the same bytes");
}

void read_gguf(std::span<const std::byte> bytes) {
  const zofo::checkpoint::GgufFile file(bytes, "input");
  const Tokenizer tokenizer = from_gguf(file);
  exercise(tokenizer);
  check_round_trip(file, tokenizer);
}

void read_json(std::string_view text) {
  TokenizerJson read = parse_tokenizer_json(text);
  exercise(Tokenizer(std::move(read.pipeline), {.bos = read.bos, .eos = std::nullopt}));
}

void read_sentencepiece_model(std::string_view bytes) {
  SentencePieceModel model = parse_sentencepiece_model(bytes);
  const std::string written = model.serialized();
  demand(parse_sentencepiece_model(written).serialized() == written,
         "a serialized model parses to the same model");
  exercise(Tokenizer(SentencePiece(std::move(model))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = zofo::fuzz::as_text(data, size);
  accepts([&] {
    if (text.starts_with('{')) return read_json(text);
    if (text.starts_with("GGUF")) return read_gguf(zofo::fuzz::as_bytes(data, size));
    read_sentencepiece_model(text);
  });
  return 0;
}
