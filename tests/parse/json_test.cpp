#include "zofo/parse/json.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/core/error_type.hpp"

using zofo::parse::deepest_json, zofo::parse::parse_json;

namespace {

std::string nested(int levels) {
  const auto count = static_cast<std::size_t>(levels);
  return std::string(count, '[') + std::string(count, ']');
}

}  // namespace

TEST_CASE("JSON values are parsed exactly") {
  const auto document = parse_json(R"({"a": [1, -2.5, "\u00e9", null], "b": {"a": true}})");
  CHECK(document["a"].size() == 4);
  CHECK(document["a"][2] == "\xC3\xA9");
  CHECK(document["b"]["a"] == true);
}

TEST_CASE("JSON nests up to the limit and no deeper") {
  CHECK_NOTHROW(parse_json(nested(deepest_json)));
  CHECK_THROWS_WITH(parse_json(nested(deepest_json + 1)), contains("nested deeper than 64 levels"));
  CHECK_THROWS_WITH(parse_json(std::string(1'000'000, '{')), contains("broken JSON at byte 2"));
}

TEST_CASE("a duplicate key in one object is refused, the same key in other objects is accepted") {
  CHECK_NOTHROW(parse_json(R"([{"a": {"a": 1}}, {"a": 2}])"));
  CHECK_THROWS_WITH(parse_json(R"({"a": {"b": 1}, "a": 2})"), contains(R"(duplicate key "a")"));
  CHECK_THROWS_WITH(parse_json("{\"\\u001b\": 1, \"\\u001b\": 2}"), contains(R"(duplicate key "\u001b")"));
}

TEST_CASE("messages about broken JSON are short and printable") {
  CHECK_THROWS_WITH(parse_json("{\"a\": \"\xFF\"}"), contains("broken JSON at byte 8: invalid UTF-8"));
  CHECK_THROWS_WITH(parse_json("[1e999]"), contains("broken JSON: "));
  try {
    parse_json("[\"" + std::string(100'000, 'x'));
    FAIL("an unterminated string was accepted");
  } catch (const zofo::Error& error) {
    CHECK(std::string(error.what()).size() < 250);
  }
}
