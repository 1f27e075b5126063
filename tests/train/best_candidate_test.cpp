#include "zofo/train/best_candidate.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "catch.hpp"
#include "zofo/train/budget.hpp"
#include "zofo/train/run_task.hpp"
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

namespace {

// A task of so many examples of F and G.
RunTask task_of(std::size_t upper, std::size_t lower) {
  RunTask task;
  task.examples.upper.resize(upper);
  task.examples.lower.resize(lower);
  return task;
}

}  // namespace

TEST_CASE("an epoch is as many steps as read every example", "[train]") {
  RunOptions o;
  o.batch_size = 4;
  o.inner_steps = 5;
  std::vector<RunTask> tasks;
  tasks.push_back(task_of(20, 60));
  CHECK(steps_per_epoch(o, tasks) == 3.0);  // G: 60 / (4 · 5); F needs 1
  o.upper_every_inner_step = false;
  CHECK(steps_per_epoch(o, tasks) == 5.0);  // F: 20 / 4
  o.gradient_accumulation_steps = 2;
  CHECK(steps_per_epoch(o, tasks) == 2.5);
  o.batch_size = 1000;  // at most the examples that there are
  CHECK(steps_per_epoch(o, tasks) == 0.5);
  o.method = Method::none;
  CHECK(steps_per_epoch(o, tasks) == 0.0);
  o = {};
  o.method = Method::mezo;
  o.batch_size = 4;
  tasks.clear();
  tasks.push_back(task_of(80, 0));
  tasks.push_back(task_of(40, 0));
  CHECK(steps_per_epoch(o, tasks) == 15.0);  // 20 and 10, in the mean
  o.tasks_per_step = 1;
  CHECK(steps_per_epoch(o, tasks) == 30.0);
}

TEST_CASE("epochs are a limit, the last step of which is rounded up", "[train]") {
  RunOptions o;
  o.epochs = 3.0;
  Counters counters{22, 0.0, 0, 0};
  CHECK(Budget(o, 7.5).allows(counters, {}));
  CHECK(Budget(o, 7.5).left({10, 10.0, 0, 0}) == Approx(13.0));
  counters.steps = 23;
  CHECK(!Budget(o, 7.5).allows(counters, {}));
  CHECK(raised_limits(o) == "--epochs 6");
  o.max_steps = 4;
  CHECK(raised_limits(o) == "--max-steps 8, --epochs 6");
  o.epochs = 1e6;
  CHECK_THROWS_AS(steps_of_epochs(o, 1e6), Error);
}

TEST_CASE("a run without a limit takes the default epochs, and a schedule ends with the epochs", "[train]") {
  RunOptions o;
  CHECK_THROWS_AS(o.check(), Error);
  CHECK(with_default_budget(o).epochs == default_epochs);
  CHECK_NOTHROW(with_default_budget(o).check());
  o.max_seconds = 1.0;
  CHECK(with_default_budget(o).epochs == 0.0);
  o = {};
  o.method = Method::none;
  CHECK(with_default_budget(o).epochs == 0.0);
  o = {};
  o.epochs = 2.0;
  set_schedule_end(o, 7.5);
  CHECK(o.decay_steps == 0);  // the rate is constant
  o.lr_scheduler_type = ScheduleKind::cosine;
  o.max_steps = 10;
  set_schedule_end(o, 7.5);
  CHECK(o.decay_steps == 0);  // max_steps come first
  o.max_steps = 20;
  set_schedule_end(o, 7.5);
  CHECK(o.decay_steps == 15);
}

TEST_CASE("scoring is no training time", "[train]") {
  Timer timer;
  timer.start();
  const double took = timer.scoring([] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); });
  timer.step(1, {});
  CHECK(took >= 0.2);
  CHECK(timer.counters().scoring_seconds == took);
  CHECK(timer.counters().seconds < took);
  checkpoint::RunState state;
  timer.save(state);
  Timer resumed;
  resumed.load(state);
  CHECK(resumed.counters().scoring_seconds == took);
  state.json().erase("scoring_seconds");  // a state of an earlier release
  resumed.load(state);
  CHECK(resumed.counters().scoring_seconds == 0.0);
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
