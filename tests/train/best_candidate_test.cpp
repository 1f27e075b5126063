#include "zofo/train/best_candidate.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "zofo/train/budget.hpp"
#include "zofo/train/timer.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

Candidate at(std::uint32_t steps, double loss) {
  Candidate c;
  c.loss = loss;
  c.accuracy = 0.5;
  c.steps = steps;
  c.selected = Selected::upper;
  c.adapters = {Eigen::VectorXf::Constant(3, static_cast<float>(steps)), Eigen::VectorXf::Zero(2)};
  return c;
}

}  // namespace

TEST_CASE("training stops after as many evaluations without a better one as it has patience", "[train]") {
  BestCandidate stopping(2);
  const double losses[] = {3.0, 2.0, 2.0, 1.5, 1.6, 1.5};
  const bool ends[] = {false, false, false, false, false, true};
  const std::uint32_t best[] = {0, 1, 1, 3, 3, 3};
  for (std::uint32_t k = 0; k < 6; ++k) {
    stopping.consider(at(k, losses[k]));
    CHECK(stopping.exhausted() == ends[k]);
    REQUIRE(stopping.best());
    CHECK(stopping.best()->steps == best[k]);
    CHECK(stopping.latest() == k);
  }
}

TEST_CASE("a loss that is no number is never the best", "[train]") {
  BestCandidate stopping(3);
  stopping.consider(at(1, std::nan("")));
  stopping.consider(at(2, std::numeric_limits<double>::infinity()));
  CHECK(!stopping.best());
  CHECK(!stopping.exhausted());
  stopping.consider(at(3, 9.0));
  REQUIRE(stopping.best());
  CHECK(stopping.best()->steps == 3);
}

TEST_CASE("without patience nothing ends a run", "[train]") {
  BestCandidate stopping(0);
  for (std::uint32_t k = 0; k < 10; ++k) stopping.consider(at(k, k));
  CHECK(!stopping.on());
  CHECK(!stopping.exhausted());
}

TEST_CASE("early stopping goes on from a saved state as if it had not ended", "[train]") {
  const double losses[] = {3.0, 2.5, 2.75, 2.0, 2.0, 2.1, 2.2};
  for (std::uint32_t cut = 0; cut <= 7; ++cut) {
    INFO("cut after " << cut);
    BestCandidate whole(3), before(3);
    for (std::uint32_t k = 0; k < 7; ++k) whole.consider(at(k, losses[k]));
    for (std::uint32_t k = 0; k < cut; ++k) before.consider(at(k, losses[k]));
    checkpoint::RunState state;
    before.save(state);
    BestCandidate after(3);
    after.load(state);
    for (std::uint32_t k = cut; k < 7; ++k) after.consider(at(k, losses[k]));
    CHECK(after.exhausted() == whole.exhausted());
    CHECK(after.latest() == whole.latest());
    CHECK(after.best()->steps == whole.best()->steps);
    CHECK(after.best()->selected == whole.best()->selected);
    CHECK(after.best()->adapters == whole.best()->adapters);
  }
}

TEST_CASE("bounds end a run before the step that would pass them", "[train]") {
  RunOptions o;
  o.batch_size = 4;
  o.max_steps = 10;
  Counters counters{9, 1.0, 100, 0};
  CHECK(Budget(o).allows(counters, {5.0, 500}));
  counters.steps = 10;
  CHECK(!Budget(o).allows(counters, {0.0, 0}));
  o.max_steps = 0;
  o.max_seconds = 2.0;
  CHECK(Budget(o).allows(counters, {1.0, 0}));
  CHECK(!Budget(o).allows(counters, {1.001, 0}));
  o.max_seconds = 0.0;
  o.max_forward_passes = 30.0;  // 120 examples
  CHECK(Budget(o).allows(counters, {9.0, 20}));
  CHECK(!Budget(o).allows(counters, {9.0, 21}));
}

TEST_CASE("the first step is no measure of the next, and a slow one counts for little", "[train]") {
  CHECK(next_step_seconds(0.0, 3.0, 1) == 0.0);
  CHECK(next_step_seconds(0.0, 0.5, 2) == 0.5);
  CHECK(next_step_seconds(0.5, 2.5, 3) == Approx(0.7));  // 0.9·0.5 + 0.1·2.5
  CHECK(next_step_seconds(0.7, 0.4, 4) == 0.4);
}

TEST_CASE("points of the curve are due once each, also after a resumption", "[train]") {
  RunOptions o;
  o.batch_size = 1;
  o.max_steps = 10;
  o.curve_points = 4;
  const auto due = [&](std::uint32_t from) {
    Budget budget(o);
    budget.start({from, 0.0, 0, 0});
    std::vector<std::uint32_t> at;
    for (std::uint32_t k = from + 1; k <= 10; ++k)
      if (budget.point_is_due({k, 0.0, 0, 0})) at.push_back(k);
    return at;
  };
  CHECK(due(0) == std::vector<std::uint32_t>{3, 5, 8});
  CHECK(due(3) == std::vector<std::uint32_t>{5, 8});
  CHECK(due(4) == std::vector<std::uint32_t>{5, 8});
  CHECK(due(8).empty());
}
