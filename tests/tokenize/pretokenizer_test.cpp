#include "zofo/tokenize/pretokenizer.hpp"

#include "catch.hpp"
#include "contains.hpp"

using zofo::tokenize::Pattern;
using zofo::tokenize::Pretokenizer;
using Words = std::vector<std::string>;

namespace {

Words words(std::string_view name, std::string_view text) {
  Words result;
  Pretokenizer(name).for_each_word(text, [&](std::string_view word) { result.emplace_back(word); });
  return result;
}

}  // namespace

TEST_CASE("gpt-2 attaches one leading space to a word, the last space of a run to the next word",
          "[tokenize]") {
  REQUIRE(words("gpt-2", "It's  2024, ok?") == Words{"It", "'s", " ", " 2024", ",", " ok", "?"});
  REQUIRE(words("gpt-2", "end  ") == Words{"end", "  "});
  REQUIRE(words("gpt-2", "").empty());
}

TEST_CASE("smollm isolates every digit, and a space before it is a word", "[tokenize]") {
  REQUIRE(words("smollm", "in 2024") == Words{"in", " ", "2", "0", "2", "4"});
  REQUIRE(words("smollm", "a  1") == Words{"a", "  ", "1"});
}

TEST_CASE("llama-bpe groups up to three digits and ignores case in contractions", "[tokenize]") {
  REQUIRE(words("llama-bpe", "I'LL pay 12345\n\n") == Words{"I", "'LL", " pay", " ", "123", "45", "\n\n"});
}

TEST_CASE("the Mongolian vowel separator is not white space", "[tokenize]") {
  REQUIRE(words("gpt-2", "a \u180e\u180e b") == Words{"a", " \u180e\u180e", " b"});
}

TEST_CASE("very long words of every kind are not split", "[tokenize]") {
  for (const std::string& unit : {std::string("x"), std::string(" "), std::string("\n"), std::string("-"),
                                  std::string("\u4e2d"), std::string("\U0001f600")}) {
    std::string text;
    for (int i = 0; i < 300000; ++i) text += unit;
    for (const char* name : {"gpt-2", "smollm", "llama-bpe"}) REQUIRE(words(name, text) == Words{text});
  }
}

TEST_CASE("stretches between matches are pieces too", "[tokenize]") {
  const Pattern digits(R"(\p{N})");
  Words pieces;
  digits.pieces("ab1c22", digits.match().get(), [&](std::string_view piece) { pieces.emplace_back(piece); });
  REQUIRE(pieces == Words{"ab", "1", "c", "2", "2"});
}

TEST_CASE("invalid patterns and names are refused", "[tokenize]") {
  REQUIRE_THROWS_WITH(Pattern("a(b"), contains("pattern 'a(b', offset 3"));
  REQUIRE_THROWS_WITH(Pretokenizer("gpt-3"),
                      contains("tokenizer.ggml.pre = 'gpt-3': must be one of gpt-2, "));
  REQUIRE_THROWS_WITH(Pretokenizer("gpt-3"), contains(", llama3, "));
}
