#include "zofo/core/schedule.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "catch.hpp"
#include "contains.hpp"

using zofo::Schedule;

static_assert(std::is_trivially_copyable_v<Schedule>);
static_assert(std::is_convertible_v<double, Schedule>);
static_assert(Schedule(0.25).at(7) == 0.25);
static_assert(Schedule::linear(1.0, 3.0, 4).at(1) == 1.5);
static_assert(Schedule::linear(1.0, 3.0, 4) != Schedule::cosine(1.0, 3.0, 4));

namespace {
struct Options {
  Schedule rate = 0.5;
};
constexpr double kPi = 3.14159265358979323846;
}  // namespace

TEST_CASE("a number is a constant schedule", "[core]") {
  CHECK(Options{.rate = 0.02}.rate.at(0) == 0.02);
  CHECK(Options{.rate = 0.02}.rate.at(std::numeric_limits<std::uint64_t>::max()) == 0.02);
  CHECK(Options{}.rate == Schedule(0.5));
}

TEST_CASE("linear schedules reach their end and are constant then", "[core]") {
  const Schedule s = Schedule::linear(2.0, -1.0, 30);
  for (std::uint64_t k = 0; k <= 30; ++k)
    CHECK(s.at(k) == Approx(2.0 - 0.1 * static_cast<double>(k)).margin(1e-15));
  CHECK(s.at(0) == 2.0);
  CHECK(s.at(30) == -1.0);
  CHECK(s.at(31) == -1.0);
  CHECK(s.at(1ULL << 60U) == -1.0);
}

TEST_CASE("cosine schedules follow Loshchilov and Hutter's equation and are constant then", "[core]") {
  const Schedule s = Schedule::cosine(0.8, 0.2, 12);
  for (std::uint64_t k = 0; k <= 12; ++k)
    CHECK(s.at(k) == Approx(0.2 + 0.3 * (1.0 + std::cos(kPi * static_cast<double>(k) / 12.0))));
  CHECK(s.at(0) == 0.8);
  CHECK(s.at(6) == Approx(0.5));  // half-way at half time
  CHECK(s.at(12) == 0.2);
  CHECK(s.at(5000) == 0.2);
}

TEST_CASE("inverse square roots are first/sqrt(k + 1)", "[core]") {
  const Schedule s = Schedule::inverse_sqrt(3.0);
  CHECK(s.at(0) == 3.0);
  CHECK(s.at(3) == 1.5);
  CHECK(s.at(99) == Approx(0.3));
  CHECK(s.at(999999) == Approx(0.003));
}

TEST_CASE("a warm-up is a line from 0 before the schedule", "[core]") {
  const Schedule plain = Schedule::cosine(0.4, 0.1, 10), warm = plain.with_warmup(4);
  CHECK(warm.at(0) == 0.0);
  CHECK(warm.at(1) == Approx(0.1));
  CHECK(warm.at(3) == Approx(0.3));
  for (std::uint64_t k = 0; k < 20; ++k) CHECK(warm.at(4 + k) == plain.at(k));
  CHECK(plain.with_warmup(0) == plain);
  CHECK(Schedule::inverse_sqrt(1.0).with_warmup(2).at(5) == Approx(0.5));
}

TEST_CASE("the largest value is that of the larger end", "[core]") {
  CHECK(Schedule::linear(0.1, 0.7, 5).largest() == 0.7);
  CHECK(Schedule::cosine(0.9, 0.7, 5).largest() == 0.9);
  CHECK(Schedule::inverse_sqrt(2.0).with_warmup(9).largest() == 2.0);
  CHECK(Schedule::linear(-2.0, -1.0, 5).with_warmup(3).largest() == 0.0);
}

TEST_CASE("schedules out of range are named by field and value", "[core]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const auto check = [](Schedule s, double low = 0.0) { s.check("rate", low, 10.0); };
  CHECK_THROWS_WITH(check(-1.0), contains("rate = -1: must be a finite number in [0, 10]"));
  CHECK_THROWS_WITH(check(nan), contains("rate = nan"));
  CHECK_THROWS_WITH(check(Schedule::linear(11.0, 1.0, 5)), contains("rate.from = 11"));
  CHECK_THROWS_WITH(check(Schedule::cosine(1.0, infinity, 5)), contains("rate.to = inf"));
  CHECK_THROWS_WITH(check(Schedule::linear(1.0, 0.5, 0)), contains("rate.steps = 0: must be at least 1"));
  CHECK_THROWS_WITH(check(Schedule::inverse_sqrt(-3.0)), contains("rate.first = -3"));
  // The last of 2^32 steps has first/2^16.
  CHECK_THROWS_WITH(check(Schedule::inverse_sqrt(1.0), 1e-4), contains("rate.last = 1.52"));
  CHECK_THROWS_WITH(check(Schedule(1.0).with_warmup(7), 1e-4), contains("rate.warmup = 7"));
  CHECK_NOTHROW(check(Schedule::linear(0.0, 10.0, 1).with_warmup(7)));
  CHECK_NOTHROW(check(Schedule::inverse_sqrt(1.0), 1e-5));
}
