#include "zofo/data/template.hpp"

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "temporary_folder.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"

using zofo::data::JsonLine;
using zofo::data::Template;

namespace {

JsonLine line_of(const char* json) { return {nlohmann::json::parse(json), "rows.jsonl", 3}; }

}  // namespace

TEST_CASE("fields are replaced, and double braces are braces") {
  const JsonLine values = line_of(R"({"text": "so {bad} it {{", "n": -2, "x": 0.5, "y": true, "": "?"})");
  CHECK(Template("{text} It was").render(values) == "so {bad} it {{ It was");
  CHECK(Template("{{{n}}} {{n}} {{{{").render(values) == "{-2} {n} {{");
  CHECK(Template("{x}{y}{x}").render(values) == "0.5true0.5");
  CHECK(Template("plain\n").render(values) == "plain\n");
  CHECK(Template("").render(values).empty());
  CHECK(Template("a {text} b {n}").fields() == std::vector<std::string>{"text", "n"});
}

TEST_CASE("the error of a missing field has its name, the location and the existing fields") {
  const std::string message =
      message_of([] { (void)Template("{sentence} It was").render(line_of(R"({"text": "a", "label": 1})")); });
  CHECK(message == "rows.jsonl:3: no field 'sentence'; its fields are 'label', 'text'");
}

TEST_CASE("unbalanced braces are errors") {
  CHECK_THAT(message_of([] { Template("ab {text"); }), ContainsSubstring("byte 3 is not closed"));
  CHECK_THAT(message_of([] { Template("{a{b}}"); }), ContainsSubstring("byte 0 is not closed"));
  CHECK_THAT(message_of([] { Template("ab} c"); }), ContainsSubstring("byte 2 closes nothing"));
  CHECK_THAT(message_of([] { Template("a {}"); }), ContainsSubstring("byte 2 has no name"));
  CHECK_THROWS_AS(Template("{"), zofo::Error);
}

TEST_CASE("templates read nested fields and entries of lists") {
  const JsonLine values = line_of(R"({"q": {"stem": "Why?"}, "choices": ["Red", 2, true]})");
  CHECK(Template("{q.stem}\nA. {choices[0]|lower}\nB. {choices[1]}\nC. {choices.2}").render(values) ==
        "Why?\nA. red\nB. 2\nC. true");
  CHECK_THAT(message_of([&] { (void)Template("{choices[3]}").render(values); }),
             StartsWith("rows.jsonl:3: no entry 'choices[3]'"));
  CHECK_THAT(message_of([&] { (void)Template("{choices}").render(values); }),
             ContainsSubstring("as in 'choices[0]'"));
}
