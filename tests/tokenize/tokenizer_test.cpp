#include "zofo/tokenize/tokenizer.hpp"

#include <type_traits>

#include "catch.hpp"
#include "zofo/tokenize/byte_bpe.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;

TEST_CASE("a tokenizer is a value that wraps any codec", "[tokenize]") {
  const ByteBpe codec({"a", "b", "ab", "<s>"}, {"a b"}, {1, 1, 1, 3}, "gpt-2");
  const Tokenizer tokenizer(codec, {.bos = 3, .eos = std::nullopt});
  const Tokenizer copy = tokenizer;
  for (const Tokenizer& t : {tokenizer, copy}) {
    REQUIRE(t.encode("ab<s>") == codec.encode("ab<s>"));
    REQUIRE(t.encode("ab<s>", true) == Ids{2, 3});
    REQUIRE(t.decode(Ids{2, 3, 0}) == "ab<s>a");
    REQUIRE(t.size() == 4);
    REQUIRE(t.id("ab") == 2);
    REQUIRE_FALSE(t.id("ba"));
    REQUIRE(t.bos() == 3);
    REQUIRE_FALSE(t.eos());
  }
  static_assert(std::is_nothrow_move_constructible_v<Tokenizer>);
}

TEST_CASE("marks outside the vocabulary are refused, and the message names the mark", "[tokenize]") {
  const ByteBpe codec({"a", "b"}, {}, {}, "gpt-2");
  REQUIRE_THROWS_WITH(Tokenizer(codec, {.bos = 2, .eos = 0}), "bos = 2: must be a token in [0, 2)");
  REQUIRE_THROWS_WITH(Tokenizer(codec, {.bos = 0, .eos = -1}), "eos = -1: must be a token in [0, 2)");
}
