#include "zofo/bilevel/observers.hpp"

#include <clocale>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>

#include "catch.hpp"
#include "contains.hpp"
#include "message.hpp"
#include "zofo/core/archive.hpp"

using namespace zofo;

namespace {

StepReport report_of(std::uint32_t step, double upper) {
  StepReport report;
  report.step = step;
  report.upper = upper;
  report.projected_gradient = 0.5;
  report.inner_value_s = 0.1;
  return report;
}
std::filesystem::path scratch(const char* name) {
  const auto path = std::filesystem::path(ZOFO_BINARY_DIR) / (std::string("observers_test_") + name);
  std::filesystem::remove(path);
  return path;
}
std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

static_assert(Observer<ProgressLine> && Observer<EarlyStopping> && Observer<TimeBudget> &&
              Observer<EvaluationBudget> && Observer<JsonlLog> && Observer<CsvLog> && Observer<Recorder> &&
              Observer<std::reference_wrapper<Recorder>>);

TEST_CASE("progress lines keep their interval; the first and last step always print one", "[bilevel]") {
  double now = 100.0;
  std::ostringstream out;
  ProgressLine line(out, {.title = "demo", .every = 10.0, .total = 20, .clock = [&now] { return now; }});
  for (std::uint32_t step = 0; step < 20; ++step) {
    now += 3.0;
    CHECK(line(report_of(step, 2.0)));
  }
  const std::string text = out.str();
  // At 3, 15, 27, 39, 51 and 60 s.
  CHECK(std::count(text.begin(), text.end(), '\n') == 6);
  CHECK_THAT(text, contains("demo  step 1/20  F(p) 2  G(s) 0.1  rho 0.5  0.333 steps/s  0:00:57 left\n"));
  CHECK_THAT(text, contains("step 5/20"));
  CHECK_THAT(text, contains("step 20/20"));
  ProgressLine silent(nullptr);
  CHECK(silent(report_of(0, 1.0)));
  CHECK_THROWS_AS(ProgressLine(out, {.every = -1.0}), Error);
}

TEST_CASE("early stopping records the best value and ends when the patience is exhausted", "[bilevel]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  int improved = 0;
  EarlyStopping stop({.patience = 3, .min_improvement = 0.1}, {}, [&](const StepReport&) { ++improved; });
  CHECK_FALSE(stop.has_best());
  std::uint32_t step = 0;
  for (const double value : {nan, 5.0, 4.0, 3.95, nan}) CHECK(stop(report_of(step++, value)));
  CHECK(stop.best() == 4.0);
  CHECK(stop.best_step() == 2);
  CHECK(improved == 2);
  CHECK_FALSE(stop(report_of(step++, 3.92)));
  CHECK(stop.exhausted());

  int requested = 0;
  EarlyStopping rare({.patience = 1, .every = 5}, [&](const StepReport& report) {
    ++requested;
    return -static_cast<double>(report.step);
  });
  for (step = 0; step < 20; ++step) CHECK(rare(report_of(step, 0.0)));
  CHECK(requested == 4);
  CHECK(rare.best() == -19.0);
  CHECK_FALSE(rare.see(20, 0.0));

  ArchiveWriter archive;
  archive(stop);
  EarlyStopping back({.patience = 4});
  ArchiveReader(archive.bytes(), "memory")(back);
  CHECK(back.best() == 4.0);
  CHECK(back.evaluations_since_best() == 3);
  CHECK_FALSE(back.see(7, 9.0));
}

TEST_CASE("budgets of time and of evaluations end a run", "[bilevel]") {
  double now = 5.0;
  TimeBudget time(10.0, [&now] { return now; });
  now = 14.9;
  CHECK(time(report_of(0, 0.0)));
  now = 15.0;
  CHECK_FALSE(time(report_of(1, 0.0)));
  time.restart();
  CHECK(time(report_of(2, 0.0)));
  CHECK_THROWS_AS(TimeBudget(-1.0), Error);

  EvaluationCount count;
  EvaluationBudget budget(100.0, count, 3.0);
  count = {10, 29};
  CHECK(budget(report_of(0, 0.0)));
  count = {10, 30};
  CHECK_FALSE(budget(report_of(0, 0.0)));
  EvaluationBudget called(5.0, [&count] { return EvaluationCount{count.losses / 2, 0}; });
  CHECK_FALSE(called(report_of(0, 0.0)));
}

TEST_CASE("logs do not depend on the locale, read back to the bit, and mark missing numbers", "[bilevel]") {
  const auto json = scratch("log.jsonl"), csv = scratch("log.csv");
  // If this locale exists, it separates decimals by a comma.
  const char* const before = std::setlocale(LC_ALL, "de_DE.UTF-8");
  const LogColumns extra = [](const StepReport& report, LogRow& row) {
    row.add("accuracy", 0.1F);
    row.add("rows", std::uint64_t{1} << 40U);
    if (report.step == 7) row.add("more", 1);
  };
  {
    JsonlLog lines(json, extra);
    CsvLog table(csv, extra);
    StepReport report = report_of(3, 0.1 + 0.2);
    report.lower_p = std::numeric_limits<double>::infinity();
    CHECK(lines(report));
    CHECK(table(report));
    CHECK_THAT(message([&] { table(report_of(7, 0.0)); }), contains("step 7 has the columns"));
    CHECK_THAT(message([&] { JsonlLog second(json); }), contains("another process"));
  }
  if (before != nullptr) std::setlocale(LC_ALL, "C");
  CHECK(contents(json) ==
        "{\"step\":3,\"upper\":0.30000000000000004,\"lower_p\":null,\"lower_s\":null,\"rho\":0.5,\"inner_s\":"
        "0.1,"
        "\"inner_p\":null,\"accuracy\":0.1,\"rows\":1099511627776}\n");
  const std::string names = "step,upper,lower_p,lower_s,rho,inner_s,inner_p,accuracy,rows\n";
  const std::string row = "3,0.30000000000000004,inf,,0.5,0.1,,0.1,1099511627776\n";
  CHECK(contents(csv) == names + row);
  CsvLog(csv, extra)(report_of(4, 1.0));  // no second line of names
  CHECK(contents(csv) == names + row + "4,1,,,0.5,0.1,,0.1,1099511627776\n");
  LogRow wrong;
  CHECK_THROWS_AS(wrong.add("a\"b", 1.0), Error);
  wrong.add("a", 1.0);
  CHECK_THROWS_AS(wrong.add("a", 1.0), Error);
}

TEST_CASE("a recorder passed by reference has the run's numbers as vectors", "[bilevel]") {
  Recorder record(2);
  Observers all(std::ref(record), EarlyStopping({.patience = 0}));
  for (std::uint32_t step = 0; step < 5; ++step) CHECK(all(report_of(step, step * 1.0)));
  CHECK(record.step == std::vector<std::uint32_t>{0, 2, 4});
  CHECK(record.upper == std::vector<double>{0.0, 2.0, 4.0});
  CHECK(std::isnan(record.lower_p.at(0)));
  CHECK(all.get<1>().best() == 0.0);
}
