#include "zofo/data/template.hpp"

#include "catch.hpp"
#include "temporary_folder.hpp"

using zofo::data::JsonLine;
using zofo::data::Template;

namespace {

JsonLine row(const char* json) { return {nlohmann::json::parse(json), "rows.jsonl", 3}; }

}  // namespace

TEST_CASE("fields are filled, braces doubled") {
  const JsonLine values = row(R"({"text": "so {bad} it {{", "n": -2, "x": 0.5, "y": true, "": "?"})");
  CHECK(Template("{text} It was").render(values) == "so {bad} it {{ It was");
  CHECK(Template("{{{n}}} {{n}} {{{{").render(values) == "{-2} {n} {{");
  CHECK(Template("{x}{y}{x}").render(values) == "0.5true0.5");
  CHECK(Template("plain\n").render(values) == "plain\n");
  CHECK(Template("").render(values).empty());
  CHECK(Template("a {text} b {n}").fields() == std::vector<std::string>{"text", "n"});
}

TEST_CASE("a template naming a missing field tells the field, the place and the fields there") {
  const std::string message =
      message_of([] { Template("{sentence} It was").render(row(R"({"text": "a", "label": 1})")); });
  CHECK(message == "rows.jsonl:3: no field 'sentence'; fields there: 'label', 'text'");
}

TEST_CASE("braces without a partner are errors") {
  CHECK_THAT(message_of([] { Template("ab {text"); }), ContainsSubstring("byte 3 is not closed"));
  CHECK_THAT(message_of([] { Template("{a{b}}"); }), ContainsSubstring("byte 0 is not closed"));
  CHECK_THAT(message_of([] { Template("ab} c"); }), ContainsSubstring("byte 2 closes nothing"));
  CHECK_THAT(message_of([] { Template("a {}"); }), ContainsSubstring("byte 2 has no name"));
  CHECK_THROWS_AS(Template("{"), zofo::Error);
}
