#include "zofo/data/metrics.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::data;

TEST_CASE("accuracy and macro-F1 of a confusion matrix worked out by hand") {
  // Class 0: TP 2, FN 1, FP 1 → 2/3; class 1: TP 1, FN 1, FP 2 → 2/5; class 2: TP 0, FN 1, FP 0 → 0.
  const std::vector<int> labels{0, 0, 0, 1, 1, 2}, predictions{0, 0, 1, 1, 0, 1};
  CHECK(accuracy(labels, predictions) == Approx(0.5));
  CHECK(macro_f1(labels, predictions, 3) == Approx((2.0 / 3 + 2.0 / 5 + 0) / 3));
}

TEST_CASE("classes that do not occur are ignored") {
  const std::vector<int> labels{0, 1}, predictions{0, 1};
  CHECK(macro_f1(labels, predictions, 5) == Approx(1.0));
  const std::vector<int> always{0, 0};
  CHECK(macro_f1(labels, always, 2) == Approx((2.0 / 3 + 0) / 2));
}

TEST_CASE("balanced accuracy is the mean of the classes' recalls") {
  const std::vector<int> labels{0, 0, 0, 1, 1, 2}, predictions{0, 0, 1, 1, 0, 1};
  CHECK(balanced_accuracy(labels, predictions, 4) == Approx((2.0 / 3 + 1.0 / 2 + 0) / 3));
  const std::vector<int> always(6, 0);
  CHECK(balanced_accuracy(labels, always, 3) == Approx(1.0 / 3));
  CHECK_THROWS_AS(balanced_accuracy(labels, predictions, 2), zofo::Error);
}

TEST_CASE("a summary is mean, standard deviation of a sample, and range") {
  const Summary s = summary(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  CHECK(s.mean == Approx(5));
  CHECK(s.standard_deviation == Approx(std::sqrt(32.0 / 7)));
  CHECK(s.low == 2);
  CHECK(s.high == 9);
  CHECK(summary(std::vector<double>{3}).standard_deviation == 0);
  CHECK_THROWS_AS(summary({}), zofo::Error);
}

TEST_CASE("the mean of losses") { CHECK(mean_loss(std::vector<double>{1, 2, 6}) == Approx(3)); }

TEST_CASE("empty inputs, unequal lengths and unknown classes are errors") {
  const std::vector<int> none, one{0}, two{0, 1}, negative{-1};
  CHECK_THROWS_AS(accuracy(none, none), zofo::Error);
  CHECK_THROWS_AS(accuracy(one, two), zofo::Error);
  CHECK_THROWS_AS(macro_f1(one, two, 2), zofo::Error);
  CHECK_THROWS_AS(macro_f1(two, two, 1), zofo::Error);
  CHECK_THROWS_AS(macro_f1(one, negative, 1), zofo::Error);
  CHECK_THROWS_AS(macro_f1(one, one, 0), zofo::Error);
  CHECK_THROWS_AS(mean_loss({}), zofo::Error);
}
