#include "zofo/data/label_text.hpp"

#include <map>
#include <optional>
#include <string>

#include "catch.hpp"

using namespace zofo::data;

TEST_CASE("labels of one meaning have one spelling") {
  for (const char* one : {"1", "1.0", "1e0", "01", "+1", "10e-1", "true", "True", "TRUE"})
    CHECK(plain_label(one) == "1");
  for (const char* zero : {"0", "0.0", "-0", "false", "False", "FALSE"}) CHECK(plain_label(zero) == "0");
  CHECK(plain_label("2.50") == "2.5");
  CHECK(plain_label("-3.0") == "-3");
  for (const char* kept : {"", " 1", "tRue", "yes", "1_0", "1-2", "e", "nan", "inf", "1e999", "0x1",
                           "9007199254740993", "123456789012345678901234567890"})
    CHECK(plain_label(kept) == kept);
}

TEST_CASE("a label is found by its text, then by its meaning") {
  const std::map<std::string, int> numbers{{"0", 0}, {"1", 1}};
  CHECK(find_label(numbers, "1") == 1);
  CHECK(find_label(numbers, "1.0") == 1);
  CHECK(find_label(numbers, "true") == 1);
  CHECK(find_label(numbers, "False") == 0);
  CHECK(find_label(numbers, "2") == std::nullopt);
  CHECK(find_label(numbers, " 1") == std::nullopt);
  CHECK(find_label({{"true", 0}, {"false", 1}}, "1") == 0);
  CHECK(find_label({{"true", 0}, {"1", 1}}, "true") == 0);            // the same text comes first
  CHECK(find_label({{"true", 0}, {"1", 1}}, "1.0") == std::nullopt);  // two meanings
  CHECK(find_label({{"1.0", 2}, {"1", 2}}, "1e0") == 2);
}

TEST_CASE("an index or a letter is a position") {
  CHECK(position_of_label("0", 4) == 0U);
  CHECK(position_of_label("3.0", 4) == 3U);
  CHECK(position_of_label("C", 4) == 2U);
  CHECK(position_of_label("d", 4) == 3U);
  for (const char* none : {"4", "-1", "E", "1.5", "", "AB", "stone"})
    CHECK(position_of_label(none, 4) == std::nullopt);
  CHECK(position_of_label("0", 0) == std::nullopt);
}

TEST_CASE("a long list of labels is cut") {
  std::map<std::string, int> map;
  for (int i = 0; i < 25; ++i) map[std::string(1, static_cast<char>('a' + i))] = i;
  CHECK(label_list({{"x", 0}, {"y", 1}}) == "'x', 'y'");
  const std::string list = label_list(map);
  CHECK(list.substr(list.size() - 14) == "'t' and 5 more");
}
