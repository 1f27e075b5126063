#include "zofo/parse/json.hpp"

#include <string>

#include "catch.hpp"
#include "contains.hpp"

using zofo::parse::deepest_json, zofo::parse::parse_json;

namespace {

std::string nested(int levels) {
  const auto count = static_cast<std::size_t>(levels);
  return std::string(count, '[') + std::string(count, ']');
}

}  // namespace

TEST_CASE("JSON is read as it stands") {
  const auto document = parse_json(R"({"a": [1, -2.5, "\u00e9", null], "b": {"a": true}})");
  CHECK(document["a"].size() == 4);
  CHECK(document["a"][2] == "\xC3\xA9");
  CHECK(document["b"]["a"] == true);
}

TEST_CASE("JSON may nest so deep and no deeper") {
  CHECK_NOTHROW(parse_json(nested(deepest_json)));
  CHECK_THROWS_WITH(parse_json(nested(deepest_json + 1)), contains("nested deeper than 64 levels"));
  CHECK_THROWS_WITH(parse_json(std::string(1'000'000, '{')), contains("broken JSON at byte 2"));
}

TEST_CASE("a key is there once in an object, and may come again in others") {
  CHECK_NOTHROW(parse_json(R"([{"a": {"a": 1}}, {"a": 2}])"));
  CHECK_THROWS_WITH(parse_json(R"({"a": {"b": 1}, "a": 2})"), contains(R"(key "a" is there twice)"));
  CHECK_THROWS_WITH(parse_json("{\"\\u001b\": 1, \"\\u001b\": 2}"),
                    contains(R"(key "\u001b" is there twice)"));
}

TEST_CASE("complaints of broken JSON are short and printable") {
  CHECK_THROWS_WITH(parse_json("{\"a\": \"\xFF\"}"), contains("broken JSON at byte 8: invalid UTF-8"));
  CHECK_THROWS_WITH(parse_json("[1e999]"), contains("broken JSON: "));
  try {
    parse_json("[\"" + std::string(100'000, 'x'));
    FAIL("an open string was read");
  } catch (const zofo::Error& error) {
    CHECK(std::string(error.what()).size() < 250);
  }
}
