#include "zofo/core/observer.hpp"

#include <cmath>

#include "catch.hpp"

namespace {
struct Count {
  int seen = 0;
  int until = 0;
  bool operator()(const zofo::StepReport&) { return ++seen < until; }
};
struct Deaf {};
}  // namespace

static_assert(zofo::Observer<zofo::NullObserver> && zofo::Observer<Count> &&
              zofo::Observer<zofo::Observers<Count, Count>>);
static_assert(!zofo::Observer<Deaf>);

TEST_CASE("every observer sees every report and any of them ends the run", "[core]") {
  zofo::Observers both(Count{0, 2}, Count{0, 9});
  CHECK(both(zofo::StepReport{}));
  CHECK_FALSE(both(zofo::StepReport{}));
  CHECK(both.get<0>().seen == 2);
  CHECK(both.get<1>().seen == 2);
}

TEST_CASE("every number of a new report is marked as not evaluated", "[core]") {
  const zofo::StepReport report;
  CHECK(std::isnan(report.upper));
  CHECK(std::isnan(report.inner_value_s));
  CHECK(report.gradient.terms.empty());
}
