#include "zofo/tokenize/sentencepiece.hpp"

#include <algorithm>

#include "catch.hpp"
#include "contains.hpp"
#include "golden.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;

namespace {

std::string model_bytes() {
  return zofo::parse::read_file(golden::folder() / "tokenizers/sentencepiece/tokenizer.model");
}

}  // namespace

TEST_CASE("words encoded one by one have the ids of the whole text", "[tokenize]") {
  SentencePieceModel model = parse_sentencepiece_model(model_bytes());
  const SentencePiece by_words(model);
  SentencePieceModel whole = model;
  whole.pieces.push_back({"zz\u2581zz", -1e9F, 1});  // a piece that contains a space forbids the cut
  const SentencePiece at_once(whole);
  const auto texts = golden::read_json(golden::folder() / "tokenizers/texts.json");
  for (const std::string text : texts) REQUIRE(by_words.encode(text) == at_once.encode(text));
}

TEST_CASE("a piece that ends in a space is found", "[tokenize]") {
  SentencePieceModel model = parse_sentencepiece_model(model_bytes());
  const auto id = static_cast<std::int32_t>(model.pieces.size());
  model.pieces.push_back({"e\u2581", 100, 1});
  const Ids ids = SentencePiece(model).encode("e e");
  REQUIRE(std::ranges::count(ids, id) == 1);
}

TEST_CASE("control pieces are parsed only on request", "[tokenize]") {
  const SentencePiece tokenizer(parse_sentencepiece_model(model_bytes()));
  const Ids inner = tokenizer.encode("the river");
  Ids wanted{1};
  wanted.insert(wanted.end(), inner.begin(), inner.end());
  REQUIRE(tokenizer.encode("<s>the river", true) == wanted);
  REQUIRE(tokenizer.encode("<s>the river") != wanted);
  REQUIRE(tokenizer.decode(wanted) == "<s> the river");
}

TEST_CASE("a serialized model parses to the same model", "[tokenize]") {
  const SentencePieceModel model = parse_sentencepiece_model(model_bytes());
  const SentencePieceModel again = parse_sentencepiece_model(model.serialized());
  REQUIRE(again.serialized() == model.serialized());
  REQUIRE(again.byte_fallback);
  REQUIRE(again.model_type == 2);
  REQUIRE_FALSE(again.remove_extra_whitespaces);
}

TEST_CASE("broken models are refused", "[tokenize]") {
  const std::string bytes = model_bytes();
  REQUIRE_THROWS_WITH(parse_sentencepiece_model(""), "pieces: the model has none");
  REQUIRE_THROWS_WITH(parse_sentencepiece_model("\x0A\x7Fxx"),
                      contains("field 1 of 127 bytes: only 2 follow"));
  REQUIRE_THROWS_WITH(parse_sentencepiece_model("\x0F"), contains("wire type 7"));
  REQUIRE_THROWS_WITH(parse_sentencepiece_model(std::string(11, '\xFF')), contains("more than 64 bits"));
  const auto broken = [](auto&& change) {
    SentencePieceModel model = parse_sentencepiece_model(model_bytes());
    change(model);
    return model.serialized();
  };
  REQUIRE_THROWS_WITH(parse_sentencepiece_model(broken([](auto& m) { m.pieces[9].text = "\xFF"; })),
                      contains("piece 9"));
  REQUIRE_THROWS_WITH(parse_sentencepiece_model(broken([](auto& m) { m.pieces[9].text = ""; })),
                      "piece 9: is empty");
  REQUIRE_THROWS_WITH(parse_sentencepiece_model(broken([](auto& m) { m.pieces[9].type = 9; })),
                      contains("type 9"));
  REQUIRE_THROWS_WITH(parse_sentencepiece_model(broken([](auto& m) { m.model_type = 3; })),
                      contains("model_type = 3"));
  const std::string twice = broken([](auto& m) { m.pieces[9].text = m.pieces[8].text; });
  REQUIRE_THROWS_WITH(SentencePiece(parse_sentencepiece_model(twice)), contains("piece 9"));
  const std::string no_unknown = broken([](auto& m) { m.pieces[0].type = 1; });
  REQUIRE_THROWS_WITH(SentencePiece(parse_sentencepiece_model(no_unknown)), contains("library refuses"));
  const std::string nul = broken([](auto& m) {
    m.model_type = 1;
    m.pieces[9].text = std::string("a\0b", 3);
  });
  REQUIRE_THROWS_WITH(SentencePiece(parse_sentencepiece_model(nul)), contains("library refuses"));
  for (std::size_t size = 0; size < bytes.size();
       size += 97) {  // every truncated model is accepted or refused with Error
    try {
      SentencePiece(parse_sentencepiece_model(bytes.substr(0, size))).encode("the river");
    } catch (const zofo::Error&) {
    }
  }
}
