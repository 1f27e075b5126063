#include "zofo/tokenize/from_gguf.hpp"

#include "catch.hpp"
#include "fake_llama.hpp"
#include "golden.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;
using Strings = std::vector<std::string>;

namespace {

/// A GGUF file with tokenizer keys that tests set.
struct FakeFile {
  std::string model = "gpt2";
  std::uint64_t bos = 3;
  bool typed = true, marked = false;
  bool has(const std::string& key) const { return key == "tokenizer.ggml.token_type" ? typed : marked; }
  bool boolean(const std::string& key) const { return key == "tokenizer.ggml.add_bos_token"; }
  std::vector<float> floats(const std::string&) const { return {}; }
  std::uint64_t unsigned_integer(const std::string& key) const {
    return key == "tokenizer.ggml.bos_token_id" ? bos : 1;
  }
  std::string string(const std::string& key) const { return key == "tokenizer.ggml.model" ? model : "gpt-2"; }
  Strings strings(const std::string& key) const {
    return key == "tokenizer.ggml.tokens" ? Strings{"a", "b", "ab", "<x>"} : Strings{"a b"};
  }
  std::vector<std::int64_t> integers(const std::string&) const { return {1, 1, 1, 3}; }
};

}  // namespace

TEST_CASE("a tokenizer is read from GGUF keys", "[tokenize]") {
  REQUIRE(from_gguf(FakeFile{}).encode("ab<x>", true) == Ids{2, 3});
  FakeFile untyped;
  untyped.typed = false;
  REQUIRE(from_gguf(untyped).encode("ab", true) == Ids{2});
  FakeFile other;
  other.model = "t5";
  REQUIRE_THROWS_WITH(from_gguf(other), Catch::Matchers::StartsWith("tokenizer.ggml.model = 't5'"));
}

TEST_CASE("marks are read from GGUF keys", "[tokenize]") {
  REQUIRE_FALSE(from_gguf(FakeFile{}).bos());
  REQUIRE_FALSE(from_gguf(FakeFile{}).eos());
  FakeFile marked;
  marked.marked = true;
  REQUIRE(from_gguf(marked).bos() == 3);
  REQUIRE(from_gguf(marked).eos() == 1);
  marked.bos = 4;
  REQUIRE_THROWS_WITH(from_gguf(marked), "tokenizer.ggml.bos_token_id = 4: must be in [0, 4)");
}

TEST_CASE("a llama file's ids equal those of its SentencePiece model", "[tokenize]") {
  const auto folder = golden::folder() / "tokenizers";
  const auto texts = golden::read_json(folder / "texts.json").get<Strings>();
  const auto wanted = golden::read_json(folder / "sentencepiece/ids.json");
  golden::FakeLlama file{
      parse_sentencepiece_model(zofo::parse::read_file(folder / "sentencepiece/tokenizer.model"))};
  const Tokenizer tokenizer = from_gguf(file);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO(golden::shown(texts[i]));
    REQUIRE(tokenizer.encode(texts[i]) == wanted.at("plain").at(i).get<Ids>());
  }
  REQUIRE(tokenizer.bos() == 1);
  file.flags["tokenizer.ggml.add_bos_token"] = false;
  REQUIRE_FALSE(from_gguf(file).bos());
  file.model.pieces[5].type = 7;
  REQUIRE_THROWS_WITH(from_gguf(file), "tokenizer.ggml.token_type 5 = 7: must be in [1, 6]");
}
