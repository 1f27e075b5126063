#include "zofo/data/classification_report.hpp"

#include <vector>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using zofo::data::classification_report;
using zofo::data::ClassificationReport;

// Worked out by hand from the definitions of scikit-learn, with zero_division=0.
TEST_CASE("figures by class worked out by hand") {
  const std::vector<int> labels{0, 0, 0, 1, 1, 2, 2, 2, 2}, predictions{0, 1, 0, 1, 3, 2, 2, 0, 1};
  const ClassificationReport report = classification_report(labels, predictions, 4);
  using Row = std::vector<std::size_t>;
  CHECK(report.confusion == std::vector<Row>{{2, 1, 0, 0}, {0, 1, 0, 1}, {1, 1, 2, 0}, {0, 0, 0, 0}});
  const double precision[] = {2.0 / 3, 1.0 / 3, 1.0, 0.0}, recall[] = {2.0 / 3, 0.5, 0.5, 0.0},
               f1[] = {2.0 / 3, 0.4, 2.0 / 3, 0.0};
  const std::size_t support[] = {3, 2, 4, 0};
  for (std::size_t c = 0; c < 4; ++c) {
    CHECK(report.classes[c].precision == Approx(precision[c]));
    CHECK(report.classes[c].recall == Approx(recall[c]));
    CHECK(report.classes[c].f1 == Approx(f1[c]));
    CHECK(report.classes[c].support == support[c]);
  }
  CHECK(report.accuracy == Approx(5.0 / 9));
  CHECK(report.macro_f1 == Approx((2.0 / 3 + 0.4 + 2.0 / 3 + 0.0) / 4));
  CHECK(report.balanced_accuracy == Approx((2.0 / 3 + 0.5 + 0.5) / 3));
}

TEST_CASE("a report of a class that does not exist is refused") {
  CHECK_THROWS_AS(classification_report(std::vector<int>{0, 2}, std::vector<int>{0, 1}, 2), zofo::Error);
  CHECK_THROWS_AS(classification_report(std::vector<int>{}, std::vector<int>{}, 2), zofo::Error);
}
