#include "zofo/data/shots.hpp"

#include <map>
#include <set>

#include "catch.hpp"
#include "temporary_folder.hpp"
#include "zofo/data/demonstrations.hpp"

using namespace zofo::data;

namespace {

const std::vector<std::string> names{" no", " yes", " maybe"};

/// Labels 0, 1, 2, 0, 1, 2, …
std::vector<int> cyclic(std::size_t count) {
  std::vector<int> labels;
  for (std::size_t i = 0; i < count; ++i) labels.push_back(static_cast<int>(i % 3));
  return labels;
}

TaskData choice_data(std::size_t count) {
  TaskData data{{"t", Template("{a}"), names, "l", {{"0", 0}, {"1", 1}, {"2", 2}}}, {}, {}};
  for (std::size_t i = 0; i < count; ++i)
    data.train.push_back({"example " + std::to_string(i), static_cast<int>(i % 3), i + 1});
  return data;
}

}  // namespace

TEST_CASE("shots are distinct, equally many of each class, and a function of the seed") {
  const auto labels = cyclic(30);
  const auto chosen = sample_shots(labels, names, 4, 9);
  CHECK(std::set<std::size_t>(chosen.begin(), chosen.end()).size() == 12);
  std::map<int, int> per_class;
  for (const std::size_t i : chosen) ++per_class[labels.at(i)];
  CHECK(per_class == std::map<int, int>{{0, 4}, {1, 4}, {2, 4}});
  CHECK(sample_shots(labels, names, 4, 9) == chosen);
  CHECK(sample_shots(labels, names, 4, 10) != chosen);
  CHECK(sample_shots(labels, names, 10, 0).size() == 30);
}

TEST_CASE("the error of a class with fewer examples than shots has its name and count") {
  auto labels = cyclic(7);  // three examples of class 0, two of the others
  CHECK(message_of([&] { sample_shots(labels, names, 3, 0); }) ==
        "shots = 3: class 1 (' yes') has 2 training examples");
  const std::vector<int> zeros(5, 0);
  CHECK_THAT(message_of([&] { sample_shots(zeros, names, 1, 0); }),
             ContainsSubstring("has 0 training examples"));
  CHECK_THROWS_AS(sample_shots(labels, names, 0, 0), zofo::Error);
  labels[0] = 3;
  CHECK_THROWS_AS(sample_shots(labels, names, 1, 0), zofo::Error);
}

TEST_CASE("demonstrations are solved training examples, and are removed from training") {
  TaskData data = choice_data(12);
  take_demonstrations(data, 5, 1);
  REQUIRE(data.demonstrations.size() == 5);
  CHECK(data.train.size() == 7);
  for (const std::string& shown : data.demonstrations) {
    const std::size_t i = std::stoul(shown.substr(8));
    CHECK(shown == "example " + std::to_string(i) + names[i % 3]);
    for (const Example& other : data.train) CHECK(other.prompt != "example " + std::to_string(i));
  }
  TaskData again = choice_data(12), other = choice_data(12);
  take_demonstrations(again, 5, 1);
  take_demonstrations(other, 5, 2);
  CHECK(again.demonstrations == data.demonstrations);
  CHECK(other.demonstrations != data.demonstrations);
  take_shots(data, 1, 0);
  CHECK(data.train.size() == 3);
  CHECK_THROWS_AS(take_demonstrations(again, 7, 0), zofo::Error);
}

TEST_CASE("whole demonstrations are removed from the front until the text fits") {
  const std::vector<std::string> shown{"aaaa", "bb", "c"};
  CHECK(with_demonstrations(shown, 2, "|", "prompt") == "bb|c|prompt");
  CHECK(with_demonstrations(shown, 0, "|", "prompt") == "prompt");
  for (std::size_t limit = 0; limit < 30; ++limit) {
    const auto fits = [limit](const std::string& text) { return text.size() <= limit; };
    // "prompt" 6, with "c|" 8, with "bb|c|" 11, with all 16
    const std::size_t wanted = limit >= 16 ? 3 : limit >= 11 ? 2 : limit >= 8 ? 1 : 0;
    CHECK(demonstrations_that_fit(shown, "|", "prompt", fits) == wanted);
  }
}

TEST_CASE("a limited number of examples is taken evenly by class") {
  std::vector<int> labels(90, 0);  // sorted by class, as many files are
  labels.insert(labels.end(), 10, 1);
  labels.insert(labels.end(), 3, 2);
  const auto count_of = [&](const std::vector<std::size_t>& chosen, int label) {
    return std::count_if(chosen.begin(), chosen.end(), [&](std::size_t i) { return labels[i] == label; });
  };
  const auto few = sample_evenly(labels, 9, 5), many = sample_evenly(labels, 40, 5);
  for (const int label : {0, 1, 2}) CHECK(count_of(few, label) == 3);
  CHECK(count_of(many, 0) == 27);  // the others have no more
  CHECK(count_of(many, 1) == 10);
  CHECK(count_of(many, 2) == 3);
  CHECK(std::is_sorted(many.begin(), many.end()));
  CHECK(std::adjacent_find(many.begin(), many.end()) == many.end());
  CHECK(sample_evenly(labels, 40, 5) == many);
  CHECK(sample_evenly(labels, 40, 6) != many);
  const auto two = sample_evenly(labels, 8, 1);  // classes differ by one at most
  for (const int label : {0, 1, 2}) CHECK((count_of(two, label) == 2 || count_of(two, label) == 3));
  CHECK(sample_evenly(labels, 500, 1).size() == labels.size());
}
