#include "zofo/parse/csv.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using zofo::parse::CsvReader, zofo::parse::CsvRecord, zofo::parse::parse_csv;

namespace {

using Fields = std::vector<std::string>;

std::vector<Fields> fields(const std::string& text, char separator = ',') {
  std::vector<Fields> all;
  for (const CsvRecord& record : parse_csv(text, "f.csv", separator)) all.push_back(record.fields);
  return all;
}

std::string refusal(const std::string& text) {
  try {
    parse_csv(text, "f.csv");
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the records of RFC 4180, section 2") {
  const std::vector<Fields> two{{"aaa", "bbb", "ccc"}, {"zzz", "yyy", "xxx"}};
  CHECK(fields("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n") == two);
  CHECK(fields("aaa,bbb,ccc\r\nzzz,yyy,xxx") == two);
  CHECK(fields("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx") == two);
  CHECK(fields("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx") ==
        std::vector<Fields>{{"aaa", "b\r\nbb", "ccc"}, {"zzz", "yyy", "xxx"}});
  CHECK(fields("\"aaa\",\"b\"\"bb\",\"ccc\"") == std::vector<Fields>{{"aaa", "b\"bb", "ccc"}});
}

TEST_CASE("other line ends, blank lines, empty fields, tabs and a byte order mark") {
  CHECK(fields("\xEF\xBB\xBF"
               "a,b\n\n1,\n,2\r3,4") == std::vector<Fields>{{"a", "b"}, {"1", ""}, {"", "2"}, {"3", "4"}});
  CHECK(fields("a\tb,c\n\"1\t\"\t2", '\t') == std::vector<Fields>{{"a", "b,c"}, {"1\t", "2"}});
  CHECK(fields("a,5\" tall\n\"\", x ") == std::vector<Fields>{{"a", "5\" tall"}, {"", " x "}});
  CHECK(fields("").empty());
  CHECK(fields("a,b\n,") == std::vector<Fields>{{"a", "b"}, {"", ""}});
}

TEST_CASE("records have the line that they start in, and refusals name it") {
  const auto records = parse_csv("a,b\n\"1\n2\r\n3\",x\r\n\ny,z\n", "f.csv");
  REQUIRE(records.size() == 3);
  CHECK(records[1].line == 2);
  CHECK(records[2].line == 6);
  CHECK(refusal("a,b\n\"1,2\n3,4\n") == "f.csv:2: a quote is not closed");
  CHECK(refusal("a,b\n\"1\"2,3\n") == "f.csv:2: text behind a closing quote");
  CHECK(refusal("a,b\n1,2\n1,2,3\n") == "f.csv:3: 3 fields, the header in line 1 has 2");
  CHECK(refusal(std::string("a,b\n1,\0\n", 8)) == "f.csv:2: a NUL byte");
}

TEST_CASE("a reader continues behind a record that it refused") {
  const std::string text("a,b\n1,2,3\n\"4\"x,5\n6,\0\n7,8\n\"9,10\n11,12\n", 37);
  CsvReader reader(text, "f.csv", ',');
  std::vector<std::string> seen;
  for (bool more = true; more;) {
    CsvRecord record;
    try {
      more = reader.next(record);
      if (more) seen.push_back(std::to_string(record.line) + " " + record.fields.at(1));
    } catch (const zofo::Error& error) {
      seen.push_back(std::to_string(reader.line()) + " refused");
    }
  }
  CHECK(seen ==
        std::vector<std::string>{"1 b", "2 refused", "3 refused", "4 refused", "5 8", "6 refused", "7 12"});
}
