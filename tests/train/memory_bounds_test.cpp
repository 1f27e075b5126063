/// @file The numbers of examples that a run's passes are planned with, counted by hand.
#include "zofo/train/memory_bounds.hpp"

#include "catch.hpp"
#include "tasks_fixture.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

// Tokens of a pass.
constexpr std::size_t many = 1'000'000, few = 100;

RunOptions options(Method method) {
  RunOptions o = preset(Command::meta_train, method);
  o.max_steps = 1;
  o.batch_size = 6;
  return o;
}

}  // namespace

TEST_CASE("the largest passes of a meta-training have the examples of its largest tasks", "[train]") {
  // Training examples: 24, 36 and 15: F has 8, 12 and 5 of them, G 16, 24 and 10; of a batch at most 6.
  const testing::TasksFixture f("meta_extents");
  const auto passes = [&](const RunOptions& o) {
    const auto tasks = f.tasks(o);
    return pass_examples(o, tasks, bounds_of(tasks, make_adapter(f.loaded.parameters.config(), o)), many);
  };
  RunOptions o = options(Method::bilevel);
  CHECK(passes(o).probed == 18 + 18 + 17);  // F(p), G(p), G(s)
  CHECK(passes(o).gradient == 18 + 18 + 17);
  CHECK(passes(o).vectors == 3 * 6 + 3 * 8 + 3);
  CHECK(passes(o).probes == 2);
  o.tasks_per_step = 1;
  CHECK(passes(o).probed == 18);
  CHECK(passes(o).vectors == 3 * 6 + 1 * 8 + 3);
  o.max_resident_adapters = 2;
  CHECK(passes(o).vectors == 2 * 6 + 1 * 8 + 3);
  o.gradient_accumulation_steps = 2;
  CHECK(passes(o).vectors == 2 * 6 + 1 * 10 + 3);
  o = options(Method::bilevel);
  o.penalty = 0.0;
  CHECK(passes(o).probed == 6 + 6 + 5);
  o.batch_size = 20;
  CHECK(passes(o).probed == 8 + 12 + 5);
  o.direction = DirectionKind::low_rank;
  o.direction_rank = 3;
  o.num_directions = 4;
  CHECK(passes(o).probes == 8);
  CHECK(passes(o).low_rank == 3);
  o = options(Method::bilevel);
  o.backbone_examples = ThetaRows::unseen;  // F has as many examples, G has 8, 12 and 5
  CHECK(passes(o).probed == 18 + 18 + 15);
  CHECK(passes(options(Method::frozen)).probed == 0);
  CHECK(passes(options(Method::frozen)).gradient == 53);
  CHECK(passes(options(Method::joint_mezo)).gradient == 0);  // all examples are F's
  CHECK(passes(options(Method::joint_mezo)).probed == 18);
  CHECK(passes(options(Method::joint_lora)).probed == 0);  // all examples are G's
  CHECK(passes(options(Method::joint_lora)).vectors == 6 + 8 + 3);
  CHECK(passes(options(Method::none)).probed + passes(options(Method::none)).gradient == 0);
}

TEST_CASE("gradients share a pass up to its maximum, and a single one may be larger", "[train]") {
  const testing::TasksFixture f("meta_extents_full");
  RunOptions o = options(Method::bilevel);
  const auto tasks = f.tasks(o);
  ExampleBounds example;
  example.tokens = 5;  // 20 examples fill a pass; shorter ones need space for one more
  CHECK(pass_examples(o, tasks, example, few).gradient == 21);
  example.tokens = 25;
  CHECK(pass_examples(o, tasks, example, few).gradient == 12);
  example.tokens = 101;
  CHECK(pass_examples(o, tasks, example, few).gradient == 12);
  o.adapters = AdapterMode::shared;  // one adapter has the examples of all tasks
  CHECK(pass_examples(o, tasks, example, few).gradient == 12 + 12 + 11);
}
