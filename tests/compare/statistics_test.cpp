#include "zofo/compare/statistics.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "zofo/core/error_type.hpp"

using namespace zofo::compare;

TEST_CASE("mean and standard error of numbers computed by hand", "[compare]") {
  // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares 9+1+1+1+0+0+4+16 = 32, s² = 32/7, s.e. = sqrt(32/7/8) =
  // sqrt(4/7).
  const Estimate e = estimate(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  CHECK(e.count == 8);
  CHECK(e.mean == Approx(5.0).epsilon(1e-15));
  REQUIRE(e.error.has_value());
  CHECK(*e.error == Approx(std::sqrt(4.0 / 7.0)).epsilon(1e-14));
}

TEST_CASE("equal values have the error 0, one value has no error, no values have no mean", "[compare]") {
  CHECK(estimate(std::vector<double>{0.5, 0.5, 0.5}).error == 0.0);
  const Estimate one = estimate(std::vector<double>{0.25});
  CHECK(one.mean == 0.25);
  CHECK_FALSE(one.error.has_value());
  const Estimate none = estimate({});
  CHECK(std::isnan(none.mean));
  CHECK_FALSE(none.error.has_value());
  CHECK(none.count == 0);
}

TEST_CASE("the time to 95 % of the best is that of the first point at least that good", "[compare]") {
  // The best is 0.8, 95 % of it 0.76: first met at 20.
  CHECK(reached({{0, 10, 20, 30, 40}, {0.5, 0.75, 0.77, 0.8, 0.7}}, 0.95) == 20.0);
  CHECK(reached({{0, 10, 20}, {0.5, 0.5, 0.5}}, 0.95) == 0.0);  // the first point is the best
  CHECK(reached({{5, 10}, {0.1, 0.9}}, 0.95) == 10.0);
  CHECK(reached({{0, 10}, {0.0, 0.0}}, 0.95) == 0.0);
  CHECK_FALSE(reached({}, 0.95).has_value());
}

TEST_CASE("a line is interpolated linearly between its points", "[compare]") {
  const Line line{{0, 10, 30}, {1, 2, 0}};
  CHECK(value_at(line, 0) == 1.0);
  CHECK(value_at(line, 5) == 1.5);
  CHECK(value_at(line, 10) == 2.0);
  CHECK(value_at(line, 25) == 0.5);
  CHECK(value_at(line, 30) == 0.0);
  CHECK_THROWS_AS(value_at(line, 30.5), zofo::Error);
  CHECK_THROWS_AS(value_at(line, -1), zofo::Error);
}

TEST_CASE("curves with different points are averaged where all are defined", "[compare]") {
  // On [0, 8]: at 4 the first is 0.5 + 0.4*0.3 = 0.62, the second 0.7; at 8 it is 0.74, the second 0.9.
  const std::vector<Line> lines{{{0, 10}, {0.5, 0.8}}, {{0, 4, 8}, {0.5, 0.7, 0.9}}, {}};
  const MeanLine mean = mean_line(lines);
  REQUIRE(mean.x == std::vector<double>{0, 4, 8});
  CHECK(mean.y[0].mean == Approx(0.5));
  CHECK(mean.y[1].mean == Approx(0.66));
  CHECK(mean.y[2].mean == Approx(0.82));
  // Two values a and b: s.e. = |a - b| / 2.
  CHECK(*mean.y[1].error == Approx(0.04));
  CHECK(*mean.y[2].error == Approx(0.08));
  CHECK(mean.y[2].count == 2);
}

TEST_CASE("points with the same x and lines without a common x are handled", "[compare]") {
  const MeanLine steps = mean_line(std::vector<Line>{{{0, 5, 5}, {1, 2, 3}}});
  CHECK(steps.x == std::vector<double>{0, 5});
  CHECK(steps.y[1].mean == 2.0);
  CHECK(mean_line(std::vector<Line>{{{0, 1}, {1, 2}}, {{5, 6}, {1, 2}}}).x.empty());
  CHECK(mean_line({}).x.empty());
}
