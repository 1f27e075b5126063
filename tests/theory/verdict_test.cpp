// Tests of the statistics on numbers with known answers, and of verdicts that must fail.
#include "theory/verdict.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "theory/report.hpp"
#include "theory/statistics.hpp"

using theory::Comparison;
using theory::kNaN;
using theory::Moments;
using theory::Verdict;

TEST_CASE("moments are those of a hand calculation, however they are split", "[theory]") {
  Moments whole, first, second;
  for (const double x : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) {
    whole.add(x);
    (x < 5.0 ? first : second).add(x);
  }
  first.merge(second);
  for (const Moments& m : {whole, first}) {
    CHECK(m.count() == 8.0);
    CHECK(m.mean() == Approx(5.0));
    CHECK(m.variance() == Approx(32.0 / 7.0));
    CHECK(m.error() == Approx(std::sqrt(4.0 / 7.0)));
  }
  const Moments counted = theory::over_draws(1000, 1, [](std::uint32_t k, Moments& m) { m.add(k); });
  CHECK(counted.count() == 1000.0);
  CHECK(counted.mean() == Approx(499.5));
  CHECK(counted.variance() == Approx(1000.0 * 1001.0 / 12.0));
}

TEST_CASE("tails and quantiles are those of the tables", "[theory]") {
  CHECK(theory::normal_tail(1.959964) == Approx(0.05).epsilon(1e-5));
  CHECK(theory::normal_tail(5.0) == Approx(5.733e-7).epsilon(1e-3));
  CHECK(theory::student_quantile(5) == Approx(2.5706).epsilon(2e-4));
  CHECK(theory::student_quantile(7) == Approx(2.3646).epsilon(1e-4));
  CHECK(theory::student_quantile(30) == Approx(2.0423).epsilon(1e-4));
}

TEST_CASE("fits find lines and powers, with the error of the textbook", "[theory]") {
  const theory::Fit line = theory::line_fit({1, 2, 3, 4, 5}, {3.1, 4.9, 7.2, 8.8, 11.0});
  CHECK(line.slope == Approx(1.97));  // Sxy = 19.7, Sxx = 10
  CHECK(line.intercept == Approx(1.09));
  CHECK(line.error == Approx(std::sqrt(0.091 / 3 / 10)));  // residuals 0.04 -0.13 0.2 -0.17 0.06
  CHECK(line.r_squared == Approx(1 - 0.091 / 38.9));
  const std::vector<double> x{1, 2, 4, 8};
  std::vector<double> y, error;
  for (const double value : x) {
    y.push_back(3 * std::pow(value, -1.5));
    error.push_back(0.1 * y.back());
  }
  const theory::Fit power = theory::log_log_fit(x, y, error);
  CHECK(power.slope == Approx(-1.5));
  CHECK(std::exp(power.intercept) == Approx(3.0));
  CHECK(power.error == Approx(0.1 / std::sqrt(5.0) / std::log(2.0)));  // Sxx = 5 log² 2
  CHECK(power.interval.high - power.interval.low == Approx(10 * power.error));
  CHECK(std::isnan(theory::log_log_fit(x, {1, 2, -1, 3}).slope));
  CHECK(std::isnan(theory::line_fit({1, 2}, {1, 2}).slope));
}

TEST_CASE("the bootstrap's interval contains the median and shrinks like 1/√n", "[theory]") {
  CHECK(theory::median({3, 1, 2}) == 2.0);
  CHECK(theory::median({4, 1, 2, 3}) == 2.5);
  CHECK(std::isnan(theory::median({})));
  const auto ramp = [](int n) {
    std::vector<double> values;
    for (int i = 0; i < n; ++i) values.push_back((i + 0.5) / n);
    return values;
  };
  // The median of n uniforms has deviation 1/(2√n).
  const theory::Interval few = theory::bootstrap_median(ramp(100), 1),
                         many = theory::bootstrap_median(ramp(2500), 1);
  CHECK(few.low < 0.5);
  CHECK(few.high > 0.5);
  CHECK(few.high - few.low == Approx(2 * 1.96 * 0.05).epsilon(0.2));
  CHECK(many.high - many.low == Approx(2 * 1.96 * 0.01).epsilon(0.2));
}

TEST_CASE("a verdict fails on NaN, on an inconclusive interval, and when it is empty", "[theory]") {
  const auto verdict = [](const Comparison& c) {
    Verdict v;
    v.add(c);
    return v;
  };
  CHECK_FALSE(Verdict{}.passed);
  CHECK(verdict(theory::mean_is("", 1.0, 1.04, 0.01, 0.1)).passed);
  CHECK_FALSE(verdict(theory::mean_is("", 1.0, 1.06, 0.01, 0.1)).passed);
  CHECK_FALSE(verdict(theory::mean_is("", 1.0, 1.04, 0.03, 0.1)).passed);  // ± 0.15
  CHECK_FALSE(verdict(theory::mean_is("", 1.0, kNaN, 0.01, 0.1)).passed);
  CHECK_FALSE(verdict(theory::mean_is("", 1.0, 1.0, kNaN, 0.1)).passed);
  CHECK_FALSE(verdict(theory::at_most("", 1.0, kNaN)).passed);
  CHECK_FALSE(verdict(theory::at_most("", 1.0, theory::kInfinity)).passed);
  CHECK_FALSE(verdict(theory::at_least("", 1.0, kNaN)).passed);
  CHECK_FALSE(verdict(theory::slope_is("", 1.0, theory::Fit{}, 0.1)).passed);
  CHECK_FALSE(verdict(Comparison{}).passed);
  Moments noisy(2);
  for (int i = 0; i < 100; ++i) noisy.add(Eigen::Array2d{i % 2 == 0 ? 1.0 : -1.0, 2.0 + i % 2});
  CHECK(verdict(theory::means_are("", noisy, Eigen::Array2d{0.0, 2.5})).passed);
  CHECK_FALSE(verdict(theory::means_are("", noisy, Eigen::Array2d{0.0, 2.0})).passed);
  CHECK_FALSE(verdict(theory::means_are("", noisy, Eigen::Array2d{kNaN, 2.5})).passed);
}

TEST_CASE("a verdict shows its first failure and adds up the false alarms", "[theory]") {
  Verdict v;
  v.add(theory::mean_is("first", 1.0, 1.0, 0.01, 0.1));
  v.add(theory::at_most("second", 2.0, 3.0));
  v.add(theory::at_most("third", 2.0, 4.0));
  CHECK_FALSE(v.passed);
  CHECK(v.measured == 3.0);
  CHECK(v.predicted == "<= 2");
  CHECK(v.false_alarm == Approx(5.733e-7).epsilon(1e-3));
}

namespace {
Verdict good(const theory::Effort& effort) {
  Verdict v;
  v.id = "G";
  v.statement = "a \"quoted\" back\\slash\nand a tab\t";
  v.add(theory::at_most("x", 1.0, effort.full ? 0.5 : 0.25));
  v.series.push_back({"s", {1.0, 2.0}, {kNaN, theory::kInfinity}});
  return v;
}
Verdict thrower(const theory::Effort&) { throw std::runtime_error("no \"luck\""); }
Verdict odd(const theory::Effort&) { throw 3; }
}  // namespace

TEST_CASE("a statement that throws has failed with its message, and the others are measured", "[theory]") {
  const auto verdicts = theory::measure_all({{"T", thrower}, {"O", odd}, {"G", good}}, theory::Effort{true});
  REQUIRE(verdicts.size() == 3);
  CHECK_FALSE(verdicts[0].passed);
  CHECK(verdicts[0].id == "T");
  CHECK(verdicts[0].message == "no \"luck\"");
  CHECK_FALSE(verdicts[1].passed);
  CHECK(verdicts[2].passed);
  const std::string table = theory::table(verdicts);
  CHECK_THAT(table, contains("no \"luck\"") && contains("FAILED") && contains("passed"));
}

TEST_CASE("JSON escapes strings and writes NaN and infinity as null", "[theory]") {
  const std::string json = theory::to_json({good(theory::Effort{})}, theory::Effort{});
  CHECK_THAT(json, contains(R"(a \"quoted\" back\\slash\nand a tab\t)") && contains("\"y\": [null, null]") &&
                       contains("\"measured\": 0.25") && contains("\"allowed_low\": null"));
  CHECK_THAT(theory::quoted(std::string("\x01")), contains("\\u0001"));
}

TEST_CASE("the program's options are checked", "[theory]") {
  const std::vector<std::string> known{"E1", "P2"};
  const auto parse = [&](std::vector<std::string> words) { return theory::parse_options(words, known); };
  CHECK(parse({}).effort.full);
  CHECK_FALSE(parse({"--fast"}).effort.full);
  CHECK(parse({"--only", "e1,P2"}).only == std::vector<std::string>{"E1", "P2"});
  CHECK(parse({"--json", "x.json"}).json == "x.json");
  CHECK(parse({"--list"}).list);
  CHECK_THROWS_WITH(parse({"--only", "E9"}), contains("E9") && contains("E1, P2"));
  CHECK_THROWS_WITH(parse({"--only"}), contains("--only"));
  CHECK_THROWS_WITH(parse({"--only", ""}), contains("--only"));
  CHECK_THROWS_WITH(parse({"--json"}), contains("--json"));
  CHECK_THROWS_WITH(parse({"--slow"}), contains("--slow"));
}
