#include "zofo/tokenize/from_gguf.hpp"

#include "catch.hpp"
#include "fake_llama.hpp"
#include "golden.hpp"
#include "zofo/tokenize/byte_bpe.hpp"
#include "zofo/tokenize/pretokenizer.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;
using Strings = std::vector<std::string>;

namespace {

/// A GGUF file with tokenizer keys that tests set.
struct FakeFile {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::uint64_t bos = 3;
  bool typed = true, marked = false;
  std::optional<std::string> key = {};  // the only key with a mark
  bool has(const std::string& name) const {
    if (name == "tokenizer.ggml.token_type") return typed;
    return key ? name == *key : marked;
  }
  bool boolean(const std::string& name) const { return name == "tokenizer.ggml.add_bos_token"; }
  std::vector<float> floats(const std::string&) const { return {}; }
  std::uint64_t unsigned_integer(const std::string& name) const {
    return name == "tokenizer.ggml.bos_token_id" ? bos : 1;
  }
  std::string string(const std::string& name) const { return name == "tokenizer.ggml.model" ? model : pre; }
  Strings strings(const std::string& name) const {
    return name == "tokenizer.ggml.tokens" ? Strings{"a", "b", "ab", "<x>"} : Strings{"a b"};
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

TEST_CASE("bos of a llama-bpe file stands before texts without a key, other ends end texts", "[tokenize]") {
  FakeFile file;
  file.key = "tokenizer.ggml.bos_token_id";
  REQUIRE_FALSE(from_gguf(file).bos());
  file.pre = "llama-bpe";
  REQUIRE(from_gguf(file).bos() == 3);
  file.key = "tokenizer.ggml.eot_token_id";
  REQUIRE_THROWS_WITH(from_gguf(file), Catch::Matchers::StartsWith("tokenizer.ggml.bos_token_id is missing"));
  file.pre = "gpt-2";
  const Tokenizer tokenizer = from_gguf(file);
  REQUIRE_FALSE(tokenizer.eos());
  REQUIRE(tokenizer.ends(1));
  REQUIRE_FALSE(tokenizer.ends(2));
}

TEST_CASE("every name of a pre-tokenizer has llama.cpp's ids, and its bos", "[tokenize]") {
  const auto golden = golden::read_json(golden::folder() / "tokenizers/gguf.json");
  const auto texts = golden.at("texts").get<Strings>();
  const auto tokens = golden.at("tokens").get<Strings>(), merges = golden.at("merges").get<Strings>();
  for (const auto& [name, wanted] : golden.at("digests").items()) {
    INFO(name);
    CHECK(pretokenizer_rules(name).bos == (wanted[0] == 1));
    CHECK(golden::digest(ByteBpe(tokens, merges, {}, name), texts) == wanted[1].get<std::string>());
  }
}

TEST_CASE("a llama file's text after a token begins with a space, as llama.cpp puts it", "[tokenize]") {
  SentencePieceModel model = parse_sentencepiece_model(
      zofo::parse::read_file(golden::folder() / "tokenizers/sentencepiece/tokenizer.model"));
  const golden::FakeLlama file{model};
  const Tokenizer tokenizer = from_gguf(file);
  const Ids tool{*tokenizer.id("<tool>")}, word = tokenizer.encode("the");
  Ids wanted = word;
  wanted.insert(wanted.end(), tool.begin(), tool.end());
  wanted.insert(wanted.end(), word.begin(), word.end());
  REQUIRE(tokenizer.encode("the<tool>the") == wanted);
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
