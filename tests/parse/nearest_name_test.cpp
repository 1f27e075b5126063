#include "zofo/parse/nearest_name.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace zofo::parse;

TEST_CASE("the edit distance of pairs with known distances") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("", "ab") == 2);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("saturday", "sunday") == 3);
  CHECK(edit_distance("lable", "label") == 1);  // two neighbours exchanged
  CHECK(edit_distance("ca", "abc") == 3);       // 2 if a part could be changed twice
  CHECK(edit_distance("max_steps", "max_steps") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("modle", "model") == 1);  // neighbours exchanged
  for (const auto& [a, b] : {std::pair{"flaw", "lawn"}, std::pair{"steps", "stps"}, std::pair{"ab", "ba"}})
    CHECK(edit_distance(a, b) == edit_distance(b, a));
}

TEST_CASE("the nearest name is found, and a far one is not offered") {
  const std::array<std::string_view, 4> names{"label_field", "label_map", "templates", "stop"};
  CHECK(nearest_name("lable_field", names) == "label_field");
  CHECK(nearest_name("tmplate", names) == "templates");
  CHECK(nearest_name("stops", names) == "stop");
  CHECK_FALSE(nearest_name("colour", names).has_value());
  CHECK_FALSE(nearest_name("xy", names).has_value());
  CHECK_FALSE(nearest_name(std::string(1'000'000, 'a'), names).has_value());
  CHECK(nearest_name("aa", std::vector<std::string>{"ab", "ac"}) == "ab");  // the first of several
  CHECK(did_you_mean("labelmap", names) == "; did you mean 'label_map'?");
  CHECK(did_you_mean("", names).empty());
}

TEST_CASE("the nearest names come first, and a close one is a suggestion") {
  const std::vector<std::string> names{"--model", "--max-steps", "--max-seconds", "--zo-learning-rate",
                                       "--lower-learning-rate"};
  CHECK(nearest_names("--mx-steps", names, 2) == std::vector<std::string>{"--max-steps", "--max-seconds"});
  CHECK(name_hint("--mx-steps", names) == "; did you mean --max-steps?");
  CHECK(name_hint("--learning-rate", names) == "; did you mean --zo-learning-rate or --lower-learning-rate?");
  CHECK(name_hint("--colour", names) == "; the nearest are --model, --max-steps, --max-seconds");
  CHECK(name_hint("--colour", {}).empty());
  CHECK(name_hint(std::string(5000, 'a'), names).empty());
}
