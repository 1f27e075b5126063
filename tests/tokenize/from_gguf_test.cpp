#include "zofo/tokenize/from_gguf.hpp"

#include "catch.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;
using Strings = std::vector<std::string>;

namespace {

/// Stands for a GGUF file whose tokenizer keys are set here.
struct FakeFile {
  std::string model = "gpt2";
  std::uint64_t bos = 3;
  bool typed = true, marked = false;
  bool has(const std::string& key) const { return key == "tokenizer.ggml.token_type" ? typed : marked; }
  bool boolean(const std::string&) const { return true; }
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
  other.model = "llama";
  REQUIRE_THROWS_WITH(from_gguf(other), Catch::Matchers::StartsWith("tokenizer.ggml.model = 'llama'"));
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
