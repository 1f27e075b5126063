#include "zofo/tokenize/utf8.hpp"

#include "catch.hpp"

namespace utf8 = zofo::tokenize::utf8;

TEST_CASE("every code point is valid and survives a write and a read", "[tokenize]") {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    utf8::append(text, code);
    std::size_t position = 0;
    const bool same =
        !utf8::first_invalid(text) && utf8::next(text, position) == code && position == text.size();
    if (!same) FAIL("code point " << static_cast<std::uint32_t>(code));
  }
}

TEST_CASE("known encodings", "[tokenize]") {
  std::string text;
  for (const char32_t code : {U'A', U'\u00e9', U'\u20ac', U'\U0001f600'}) utf8::append(text, code);
  REQUIRE(text == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST_CASE("the position of invalid UTF-8 is its first byte", "[tokenize]") {
  const std::string ascii = "exactly sixteen!";
  for (const std::string bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF",
                                "\xE2\x82", "\xE2\x82(", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
                                "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    for (const std::string& before : {std::string(), std::string("ab"), ascii, ascii + "\xC3\xA9"}) {
      REQUIRE(utf8::first_invalid(before + bad) == before.size());
      REQUIRE(utf8::first_invalid(before + bad + ascii) == before.size());
    }
  }
  REQUIRE_THROWS_WITH(utf8::require_valid("ab\xFF", "row 7"), "row 7: byte 2 = 0xFF: not valid UTF-8");
}
