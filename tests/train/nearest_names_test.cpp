#include "zofo/config/nearest_names.hpp"

#include "catch.hpp"

using namespace zofo::llm;

TEST_CASE("edit distances worked out by hand", "[config]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);  // Levenshtein's textbook example
  CHECK(edit_distance("modle", "model") == 1);     // neighbours exchanged
  CHECK(edit_distance("ca", "abc") == 3);          // no part is edited twice: 2 otherwise
  for (const auto& [a, b] : {std::pair{"flaw", "lawn"}, std::pair{"steps", "stps"}, std::pair{"ab", "ba"}})
    CHECK(edit_distance(a, b) == edit_distance(b, a));
}

TEST_CASE("the nearest names come first, and a close one is a suggestion", "[config]") {
  const std::vector<std::string> names{"--model", "--max-steps", "--max-seconds", "--zo-learning-rate",
                                       "--lower-learning-rate"};
  CHECK(nearest_names("--mx-steps", names, 2) == std::vector<std::string>{"--max-steps", "--max-seconds"});
  CHECK(name_hint("--mx-steps", names) == "; did you mean --max-steps?");
  CHECK(name_hint("--learning-rate", names) == "; did you mean --zo-learning-rate or --lower-learning-rate?");
  CHECK(name_hint("--colour", names) == "; the nearest are --model, --max-steps, --max-seconds");
  CHECK(name_hint("--colour", {}).empty());
  CHECK(name_hint(std::string(5000, 'a'), names).empty());
}
