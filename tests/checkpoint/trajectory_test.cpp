#include "zofo/checkpoint/trajectory.hpp"

#include <cstring>
#include <string>

#include "catch.hpp"

using namespace zofo;
using namespace zofo::checkpoint;

TEST_CASE("a trajectory reads back to the bit", "[checkpoint]") {
  std::string text;
  const std::vector<TrajectoryStep> written{
      {0, {{{7, 0, 0}, 1.0 / 3.0}, {{7, 0, 1}, -0.0}}},
      {1, {{{7, 0, 0}, 5e-324}, {{~std::uint64_t{0}, 1, 4096}, -1.7976931348623157e308}}},
      {2, {{{7, 2, 0}, 0.1 + 0.2}}},
  };
  for (const TrajectoryStep& step : written)
    for (const ZoTerm& term : step.terms) text += to_line(step.step, term) + "\n";
  const auto read = parse_trajectory(text, "trajectory.jsonl");
  REQUIRE(read.size() == written.size());
  for (std::size_t k = 0; k < read.size(); ++k) {
    CHECK(read[k].step == written[k].step);
    REQUIRE(read[k].terms.size() == written[k].terms.size());
    for (std::size_t i = 0; i < read[k].terms.size(); ++i) {
      CHECK(read[k].terms[i].direction == written[k].terms[i].direction);
      CHECK(std::memcmp(&read[k].terms[i].coefficient, &written[k].terms[i].coefficient, sizeof(double)) ==
            0);
    }
  }
  CHECK(parse_trajectory("", "t").empty());
}

TEST_CASE("a broken trajectory is refused by line", "[checkpoint]") {
  const std::string good = to_line(0, {{1, 0, 0}, 0.5}) + "\n";
  const auto said = [&](const std::string& line, const char* part) {
    INFO(line);
    try {
      parse_trajectory(good + line, "t.jsonl");
      FAIL("was read");
    } catch (const Error& error) {
      const std::string message = error.what();
      INFO(message);
      CHECK(message.find("t.jsonl:2") != std::string::npos);
      CHECK(message.find(part) != std::string::npos);
    }
  };
  said(good.substr(0, good.size() - 1), "cut short");
  said("\n", "broken JSON");
  said("{\"at\":1\n", "broken JSON");
  said(to_line(2, {{1, 2, 0}, 0.5}) + "\n", "a step is missing");
  said("[]\n", "object");
  said(R"({"at":1,"seed":1,"step":1,"query":0})"
       "\n",
       "coefficient");
  said(R"({"at":1,"seed":1,"step":1,"query":0,"coefficient":"0.5"})"
       "\n",
       "coefficient");
  said(R"({"at":1,"seed":1,"step":1,"query":0,"coefficient":null})"
       "\n",
       "coefficient");
  said(R"({"at":1,"seed":1,"step":1,"query":-1,"coefficient":1})"
       "\n",
       "query");
  said(R"({"at":1,"seed":1,"step":4294967296,"query":0,"coefficient":1})"
       "\n",
       "step");
  said(R"({"at":1,"seed":18446744073709551616,"step":1,"query":0,"coefficient":1})"
       "\n",
       "seed");
  said(R"({"at":1,"seed":1.5,"step":1,"query":0,"coefficient":1})"
       "\n",
       "seed");
  said(R"({"at":1,"at":1,"seed":1,"step":1,"query":0,"coefficient":1})"
       "\n",
       "twice");
}
