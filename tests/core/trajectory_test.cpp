#include "zofo/core/trajectory.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"

using namespace zofo;

namespace {

const std::vector<TrajectoryStep> kWritten{
    {0, {{{{7, 0, 0}, 1.0 / 3.0}, {{7, 0, 1}, -0.0}}, 2.0}},
    {1, {{{{7, 0, 0}, 5e-324}, {{~std::uint64_t{0}, 1, 4096}, -1.7976931348623157e308}}, 0.1 + 0.2}},
    {2, {{}, 3.0}},
    {3, {{{{7, 2, 0}, 100000.0}}, 1.0}},
};

std::string text_of(const std::vector<TrajectoryStep>& steps) {
  std::string text;
  for (const TrajectoryStep& step : steps) text += trajectory_lines(step.step, step.update);
  return text;
}

StepReport report_of(const TrajectoryStep& step) {
  StepReport report;
  report.step = step.step;
  report.gradient = step.update;
  return report;
}

}  // namespace

TEST_CASE("a trajectory reads back to the bit", "[core]") {
  const auto read = parse_trajectory(text_of(kWritten), "trajectory.jsonl");
  REQUIRE(read == kWritten);
  CHECK(std::signbit(read[0].update.terms[1].coefficient));
  CHECK(parse_trajectory("", "t").empty());
  const auto old = parse_trajectory(
      "{\"at\":0,\"coefficient\":0.5,\"query\":0,\"seed\":7,\"step\":0}\n"
      "{\"at\":0,\"coefficient\":0.25,\"query\":1,\"seed\":7,\"step\":0}\n"
      "{\"at\":1,\"coefficient\":-1,\"query\":0,\"seed\":7,\"step\":1}\n",
      "t");
  REQUIRE(old.size() == 2);
  CHECK(old[0].update == ZoGradient{{{{7, 0, 0}, 0.5}, {{7, 0, 1}, 0.25}}, 2.0});
  CHECK(old[1].update == ZoGradient{{{{7, 1, 0}, -1.0}}, 1.0});
  CHECK(trajectory_lines(3, {{{{7, 3, 0}, -0.25}}, 2.0}) ==
        "{\"at\":3,\"coefficient\":-0.25,\"query\":0,\"seed\":7,\"step\":3,\"queries\":2,\"terms\":1}\n");
  // As other programs write JSON: blanks, another order, a decimal point.
  const auto other = parse_trajectory(
      "{ \"terms\" : 1, \"step\":3 ,\"seed\": 7, \"query\":0,\"queries\":2.0,\"coefficient\":-2.5e-1, "
      "\"at\":0 }\r\n",
      "t");
  CHECK(other.at(0).update == ZoGradient{{{{7, 3, 0}, -0.25}}, 2.0});
  CHECK_THROWS_AS(trajectory_lines(0, {{{{}, std::nan("")}}, 1.0}), Error);
}

TEST_CASE("files that do not give the number of terms are read", "[core]") {
  const auto read = parse_trajectory(
      "{\"at\":0,\"coefficient\":1.0,\"query\":0,\"seed\":7,\"step\":0}\n"
      "{\"at\":0,\"coefficient\":2.0,\"query\":1,\"seed\":7,\"step\":0}\n"
      "{\"at\":1,\"coefficient\":3.0,\"queries\":4.0,\"query\":0,\"seed\":7,\"step\":1}\n",
      "older");
  REQUIRE(read.size() == 2);
  CHECK(read[0].update == ZoGradient{{{{7, 0, 0}, 1.0}, {{7, 0, 1}, 2.0}}, 2.0});
  CHECK(read[1].update == ZoGradient{{{{7, 1, 0}, 3.0}}, 4.0});
}

TEST_CASE("a broken trajectory is refused by line", "[core]") {
  const std::string good = trajectory_lines(0, {{{{1, 0, 0}, 0.5}}, 1.0});
  const auto refused = [&](const std::string& line, const char* part) {
    INFO(line);
    const std::string said = message([&] { (void)parse_trajectory(good + line, "t.jsonl"); });
    CHECK_THAT(said, contains("t.jsonl:2"));
    CHECK_THAT(said, contains(part));
  };
  refused(good.substr(0, good.size() - 1), "cut short");
  refused("\n", "no JSON object");
  refused("{\"at\":1\n", "broken JSON");
  refused("{\"at\":1,}\n", "broken JSON");
  refused("{\"at\":1}x\n", "broken JSON");
  refused(trajectory_lines(2, {{{{1, 2, 0}, 0.5}}, 1.0}), "a step is missing");
  refused(good, "must be 1");
  refused("[]\n", "object");
  const auto with = [](const std::string& fields) {
    return "{\"at\":1,\"queries\":1,\"terms\":1," + fields + "}\n";
  };
  refused(with(R"("seed":1,"step":1,"query":0)"), "'coefficient' is missing");
  refused(with(R"("seed":1,"step":1,"query":0,"coefficient":"0.5")"), "coefficient");
  refused(with(R"("seed":1,"step":1,"query":0,"coefficient":null)"), "coefficient");
  refused(with(R"("seed":1,"step":1,"query":0,"coefficient":1e999)"), "coefficient");
  refused(with(R"("seed":1,"step":1,"query":0,"coefficient":nan)"), "coefficient");
  refused(with(R"("seed":1,"step":1,"query":-1,"coefficient":1)"), "query");
  refused(with(R"("seed":1,"step":4294967296,"query":0,"coefficient":1)"), "step");
  refused(with(R"("seed":18446744073709551616,"step":1,"query":0,"coefficient":1)"), "seed");
  refused(with(R"("seed":1.5,"step":1,"query":0,"coefficient":1)"), "seed");
  refused(with(R"("at":1,"seed":1,"step":1,"query":0,"coefficient":1)"), "twice");
  refused(with(R"("loss":1)"), "'loss' is not known");
  refused("{\"at\":1,\"terms\":0,\"queries\":1,\"seed\":3}\n", "no direction");
  // The second of two terms is missing.
  std::string two = trajectory_lines(1, {{{{1, 1, 0}, 0.5}, {{1, 1, 1}, 0.5}}, 2.0});
  refused(two.substr(0, two.find('\n') + 1), "cut short");
  const std::string next = trajectory_lines(2, {{{{1, 2, 0}, 0.5}}, 1.0});
  CHECK_THAT(message([&] { (void)parse_trajectory(good + two.substr(0, two.find('\n') + 1) + next, "t"); }),
             contains("t:3: belongs to another update"));
}

TEST_CASE("a log continues after the steps before first_step", "[core]") {
  const auto path = std::filesystem::path(ZOFO_BINARY_DIR) / "trajectory_test.jsonl";
  std::filesystem::remove(path);
  {
    TrajectoryLog log(path);
    for (const TrajectoryStep& step : kWritten) CHECK(log(report_of(step)));
    CHECK_THROWS_AS(log(report_of(kWritten[1])), Error);
  }
  CHECK(read_trajectory(path) == kWritten);
  CHECK_THAT(message([&] { TrajectoryLog again(path); }), contains("another run"));
  CHECK_THAT(message([&] { TrajectoryLog late(path, 9); }), contains("holds 4 updates"));
  std::ofstream(path, std::ios::app) << "{\"at\":4,\"coef";  // the machine stopped here
  CHECK_THROWS_AS(read_trajectory(path), Error);
  {
    TrajectoryLog log(path, 2);
    log(report_of(kWritten[2]));
    log(report_of(kWritten[3]));
    log.settle();
  }
  CHECK(read_trajectory(path) == kWritten);
  std::filesystem::remove(path);
}
