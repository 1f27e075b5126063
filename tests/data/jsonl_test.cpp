#include "zofo/data/jsonl.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "temporary_folder.hpp"

using zofo::data::read_jsonl;

TEST_CASE("lines keep their values and their numbers") {
  const TemporaryFolder folder;
  // A byte order mark, blank lines, CRLF, and a last line without a line end.
  const auto file = folder.write(
      "a.jsonl", "\xEF\xBB\xBF{\"t\": \"caf\xC3\xA9 \\u00e9\\n\"}\r\n\n  \t\r\n{\"n\": 3, \"b\": true}");
  const auto lines = read_jsonl(file);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].line == 1);
  CHECK(lines[1].line == 4);
  CHECK(lines[0].text("t") == "caf\xC3\xA9 \xC3\xA9\n");
  CHECK(lines[1].text("n") == "3");
  CHECK(lines[1].text("b") == "true");
  CHECK(lines[1].location() == file.string() + ":4");
}

TEST_CASE("the error of a broken line names it") {
  const TemporaryFolder folder;
  const std::string good = "{\"a\": 1}\n";
  const std::string broken = GENERATE(
      std::string("{\"a\": "), std::string("{\"a\": 1} {\"a\": 2}"), std::string("nonsense"),
      std::string("{'a': 1}"), std::string("{\"a\": \"unclosed}"), std::string("\0", 1),
      std::string("{\"a\": 1e999}"), std::string("[1]"), std::string("null"), std::string("\"text\""));
  const auto file = folder.write("a.jsonl", good + broken + "\n" + good);
  const std::string message = message_of([&] { read_jsonl(file); });
  CHECK_THAT(message, StartsWith(file.string() + ":2: "));
  CHECK(message.size() < file.string().size() + 300);
}

TEST_CASE("the error of a long broken line does not contain all of it") {
  const TemporaryFolder folder;
  const auto file = folder.write("a.jsonl", "{\"a\": \"" + std::string(100'000, 'x'));
  CHECK(message_of([&] { read_jsonl(file); }).size() < file.string().size() + 300);
}

TEST_CASE("deep nesting is an error of the line, not a stack overflow") {
  const TemporaryFolder folder;
  const auto file = folder.write("a.jsonl", std::string(1'000'000, '[') + "\n");
  CHECK_THAT(message_of([&] { read_jsonl(file); }), StartsWith(file.string() + ":1: "));
}

TEST_CASE("invalid UTF-8 is refused with its location") {
  const TemporaryFolder folder;
  // The classes of ill-formed sequences of the Unicode standard, table 3-7.
  const std::string bad = GENERATE(as<std::string>{}, "\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80",
                                   "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF");
  const auto file = folder.write("a.jsonl", "{\"a\": 1}\n{\"a\": \"" + bad + "\"}\n");
  const std::string message = message_of([&] { read_jsonl(file); });
  CHECK_THAT(message, StartsWith(file.string() + ":2: ") && ContainsSubstring("invalid UTF-8"));
  // An escaped lone surrogate is invalid too; such bytes outside strings are broken JSON.
  CHECK_THROWS_AS(read_jsonl(folder.write("b.jsonl", "{\"a\": \"\\ud800\"}\n")), zofo::Error);
  const std::string outside = message_of([&] { read_jsonl(folder.write("c.jsonl", bad + "\n")); });
  CHECK(std::all_of(outside.begin(), outside.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

TEST_CASE("files without lines and paths that are not files are errors") {
  const TemporaryFolder folder;
  CHECK_THAT(message_of([&] { read_jsonl(folder.write("empty.jsonl", "")); }),
             ContainsSubstring("empty.jsonl: empty"));
  CHECK_THAT(message_of([&] { read_jsonl(folder.write("blank.jsonl", "\n \n")); }),
             ContainsSubstring("blank.jsonl: empty"));
  CHECK_THAT(message_of([&] { read_jsonl(folder.path() / "absent"); }), ContainsSubstring("no such file"));
  CHECK_THAT(message_of([&] { read_jsonl(folder.path()); }), ContainsSubstring("is a folder"));
}

TEST_CASE("the error of a field that is missing or not a text names it") {
  const zofo::data::JsonLine line{nlohmann::json::parse(R"({"a": null, "b": [1], "c": {}})"), "f.jsonl", 7};
  CHECK(message_of([&] { (void)line.text("d"); }) == "f.jsonl:7: no field 'd'; its fields are 'a', 'b', 'c'");
  CHECK_THAT(message_of([&] { (void)line.text("a"); }), ContainsSubstring("f.jsonl:7: field 'a' is null"));
  CHECK_THAT(message_of([&] { (void)line.text("b"); }), ContainsSubstring("is a list of 1 entries"));
  CHECK_THAT(message_of([&] { (void)line.text("c"); }), ContainsSubstring("is an object"));
}

TEST_CASE("a path leads into objects and lists") {
  const zofo::data::JsonLine line{
      nlohmann::json::parse(
          R"({"a": {"b": {"c": "deep"}, "l": [[1, 2], {"x": true}]}, "choices": ["p", "q"], "a.b": "named",
              "": 1, "odd[0]": "o"})"),
      "f.jsonl", 7};
  CHECK(line.text("a.b.c") == "deep");
  CHECK(line.text("a.b") == "named");  // a field of that name comes first
  CHECK(line.text("choices[1]") == "q");
  CHECK(line.text("choices.1") == "q");
  CHECK(line.text("a.l[0][1]") == "2");
  CHECK(line.text("a.l[1].x") == "true");
  CHECK(line.text("a.l.1.x") == "true");
  CHECK(line.text("odd[0]") == "o");
  CHECK(line.texts("a.l[0]") == std::vector<std::string>{"1", "2"});
  CHECK(line.has("a.b.c"));
  CHECK_FALSE(line.has("a.c"));
  const auto message = [&](const char* path) { return message_of([&] { (void)line.at(path); }); };
  CHECK(message("choices[2]") ==
        "f.jsonl:7: no entry 'choices[2]': 'choices' is a list of 2 entries, counted from 0");
  CHECK_THAT(message("a.x"), ContainsSubstring("no field 'a.x': 'a' has the fields 'b', 'l'"));
  CHECK_THAT(message("a.b.c.d"), ContainsSubstring("'a.b.c' is string, neither an object nor a list"));
  for (const char* path :
       {"choices[-1]", "choices[1", "choices[]", "choices[1]x", "choices[99999999999999999999]", ".choices",
        "choices.", "[0]", "a..b", "choices[1.0]", "a[b]"})
    CHECK_THAT(message(path), StartsWith("f.jsonl:7: no "));
}

TEST_CASE("integers keep their digits, however many") {
  const std::string digits = GENERATE(as<std::string>{}, "9223372036854775807", "-9223372036854775808",
                                      "18446744073709551615", "18446744073709551616", "-9223372036854775809",
                                      "12345678901234567890123456789012345678901234567890");
  const auto line = zofo::data::parse_json_line("{\"id\": " + digits + " , \"l\": [" + digits + "]}", "f", 1);
  CHECK(line.text("id") == digits);
  CHECK(line.texts("l") == std::vector<std::string>{digits});
  const std::string thousand(1000, '7');  // no double is as large
  CHECK(zofo::data::parse_json_line("{\"id\":" + thousand + "}", "f", 1).text("id") == thousand);
  // In a string they are text; a number that is no integer stays a double.
  const std::string text = "\\\"" + digits + "\\\\";
  CHECK(zofo::data::parse_json_line("{\"s\":\"" + text + "\"}", "f", 1).text("s") == "\"" + digits + "\\");
  CHECK(
      zofo::data::parse_json_line("{\"x\": 100000000000000000000.5}", "f", 1).fields["x"].is_number_float());
}

TEST_CASE("digits where JSON allows no number stay an error") {
  const std::string long_digits = "123456789012345678901234567890";
  for (const std::string& bad :
       {"{" + long_digits + ": 1}", "{\"a\": 0" + long_digits + "}", "{\"a\": +" + long_digits + "}",
        "{\"a\": --" + long_digits + "}", "{\"a\" " + long_digits + "}", "{\"a\": 1 " + long_digits + "}",
        "{\"a\": x" + long_digits + "}", "{\"a\": \"" + long_digits, long_digits,
        "{\"a\": " + long_digits + "."})
    CHECK_THROWS_AS(zofo::data::parse_json_line(bad, "f", 1), zofo::Error);
}
