/// @file The rows that a meta-training's passes are planned with, counted by hand.
#include "zofo/train/meta_memory_bounds.hpp"

#include "catch.hpp"
#include "meta_fixture.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

struct Roomy {
  static constexpr std::size_t tokens_that_fill = 1'000'000;
};
struct Narrow {
  static constexpr std::size_t tokens_that_fill = 100;
};

MetaTrainOptions options(const std::string& method) {
  MetaTrainOptions o;
  o.method = method;
  o.batch = 6;
  return o;
}

}  // namespace

TEST_CASE("the largest passes of a meta-training have the rows of its largest tasks", "[tune]") {
  // Training rows 24, 36 and 15: F has 8, 12 and 5 of them, G 16, 24 and 10; of a batch at most 6.
  const testing::MetaFixture f("meta_extents");
  const auto rows = [&](const MetaTrainOptions& o) {
    const auto tasks = f.tasks(o);
    return meta_pass_rows<Roomy>(o, tasks, extent_of(tasks));
  };
  MetaTrainOptions o = options("bilevel");
  CHECK(rows(o).probed == 18 + 18 + 17);  // F(p), G(p), G(s)
  CHECK(rows(o).gradient == 18 + 18 + 17);
  CHECK(rows(o).vectors == 3 * 8 + 3 * 8 + 3);
  CHECK(rows(o).probes == 2);
  o.tasks_per_step = 1;
  CHECK(rows(o).probed == 18);
  CHECK(rows(o).vectors == 3 * 8 + 1 * 8 + 3);
  o.in_memory = 2;
  CHECK(rows(o).vectors == 2 * 8 + 1 * 8 + 3);
  o = options("bilevel");
  o.penalty = 0.0;
  CHECK(rows(o).probed == 6 + 6 + 5);
  o.batch = 20;
  CHECK(rows(o).probed == 8 + 12 + 5);
  o.direction = "low-rank";
  o.direction_rank = 3;
  o.queries = 4;
  CHECK(rows(o).probes == 8);
  CHECK(rows(o).low_rank == 3);
  o = options("bilevel");
  o.theta_rows = "unseen";  // F's rows are as many, G has 8, 12 and 5
  CHECK(rows(o).probed == 18 + 18 + 15);
  CHECK(rows(options("frozen")).probed == 0);
  CHECK(rows(options("frozen")).gradient == 53);
  CHECK(rows(options("joint-mezo")).gradient == 0);  // all rows are F's
  CHECK(rows(options("joint-mezo")).probed == 18);
  CHECK(rows(options("joint-lora")).probed == 0);  // all rows are G's
  CHECK(rows(options("joint-lora")).vectors == 19);
  CHECK(rows(options("none")).probed + rows(options("none")).gradient == 0);
}

TEST_CASE("gradients share a pass as long as it holds them, and one alone may be larger", "[tune]") {
  const testing::MetaFixture f("meta_extents_full");
  MetaTrainOptions o = options("bilevel");
  const auto tasks = f.tasks(o);
  RowExtent row;
  row.tokens = 5;  // 20 rows fill a pass, and one more that shorter ones come to
  CHECK(meta_pass_rows<Narrow>(o, tasks, row).gradient == 21);
  row.tokens = 25;
  CHECK(meta_pass_rows<Narrow>(o, tasks, row).gradient == 12);
  row.tokens = 101;
  CHECK(meta_pass_rows<Narrow>(o, tasks, row).gradient == 12);
  o.adapters = "tied";  // one adapter has the rows of all tasks
  CHECK(meta_pass_rows<Narrow>(o, tasks, row).gradient == 12 + 12 + 11);
}
