#include "zofo/tokenize/oniguruma.hpp"

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/tokenize/pattern.hpp"

using namespace zofo::tokenize;
using Strings = std::vector<std::string>;

namespace {

Strings matches(std::string_view pattern, std::string_view text) {
  const Pattern compiled(from_oniguruma(pattern));
  Strings found;
  compiled.stretches(text, compiled.match().get(), [&](std::string_view piece, bool match) {
    if (match) found.emplace_back(piece);
  });
  return found;
}

}  // namespace

TEST_CASE("white space, words and digits follow Unicode", "[tokenize]") {
  REQUIRE(matches(R"(\s+)", "a\u0085b\u180ec\u2003d") == Strings{"\u0085", "\u2003"});
  REQUIRE(matches(R"([^\s]+)", "a\u180eb c") == Strings{"a\u180eb", "c"});
  REQUIRE(matches(R"(\w+)", "e\u0301_1\u203f-\u00b2") == Strings{"e\u0301_1\u203f"});
  REQUIRE(matches(R"(\d)", "1\u0663\u00b2") == Strings{"1", "\u0663"});
}

TEST_CASE("lines begin and end only at line feeds, which a dot does not match", "[tokenize]") {
  REQUIRE(matches("^a", "a\na\ra") == Strings{"a", "a"});
  REQUIRE(matches("a$", "a\na\r\na") == Strings{"a", "a"});
  REQUIRE(matches(".+", "a\rb\nc") == Strings{"a\rb", "c"});
}

TEST_CASE("groups, counts and properties", "[tokenize]") {
  REQUIRE(matches("(?i:'s|'t)|x", "'S 's '\u017f 'T X x") == Strings{"'S", "'s", "'\u017f", "'T", "x"});
  REQUIRE(matches(R"(\p{N}{1,3})", "12345") == Strings{"123", "45"});
  REQUIRE(matches(R"(\p{Han}+|\p{^L}+)", "\u4e2d\u6587\u30fc a1") == Strings{"\u4e2d\u6587", " ", "1"});
  REQUIRE(matches(R"(a++b?+|(?<=c)d(?!e))", "aab cd cde d") == Strings{"aab", "d"});
  REQUIRE(matches(R"(\x{e9}|\u00e8|\x41|[\-\]])", "\u00e9\u00e8A-]") ==
          Strings{"\u00e9", "\u00e8", "A", "-", "]"});
}

TEST_CASE("constructs that the engines interpret differently are refused", "[tokenize]") {
  for (const char* pattern :
       {"a{1,3}+",     "a{2}?",          "a{,3}",   "{",      "(?m:a)",  "(?i)a",     "(?<n>a)", "(?~a)",
        "[[a]]",       "[a&&b]",         "[]a]",    "[a",     "(a",      "a)",        R"(\h)",   R"(\b)",
        R"(\R)",       R"((a)\1)",       R"(\xff)", R"(\pL)", R"(\p{L)", R"([\s-x])", R"([\S])", "(?i:fi)",
        "(?i:\u00e9)", R"((?i:\p{Lu}))", "\\"}) {
    INFO(pattern);
    REQUIRE_THROWS_WITH(from_oniguruma(pattern), contains("pattern '"));
  }
}

TEST_CASE("a literal pattern matches exactly its text", "[tokenize]") {
  const Pattern pattern(literal_pattern("a.[\u00e9(\n"));
  Strings found;
  pattern.pieces("xa.[\u00e9(\ny", pattern.match().get(), [&](std::string_view p) { found.emplace_back(p); });
  REQUIRE(found == Strings{"x", "a.[\u00e9(\n", "y"});
}
