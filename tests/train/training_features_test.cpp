// What runs of one task can do, with several tasks.
#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "tasks_fixture.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/training.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

const std::vector<std::string> adapter_names{"good", "three", "words"};
std::string weights_of(const std::string& task) { return "adapters/" + task + "/adapter_model.safetensors"; }

}  // namespace

TEST_CASE("what a run of one task can do, one of several can", "[train]") {
  const testing::TasksFixture f("meta_features");
  RunOptions o = testing::short_run(12, Method::bilevel_prefix);
  o.num_virtual_tokens = 3;
  o.gradient_accumulation_steps = 2;
  o.batch_size = 2;
  o.lr_scheduler_type = ScheduleKind::cosine;
  o.warmup_steps = 3;
  o.max_grad_norm = 1.0;
  o.weight_decay = 0.01;
  o.save_steps = 3;
  o.early_stopping_patience = 1;
  o.eval_steps = 1;
  o.lower_learning_rate = o.upper_learning_rate = 5.0;  // too high to get better for long
  const auto whole = f.train("whole", o);
  CHECK(whole.result.stopped_early);
  CHECK(whole.result.selected_steps < whole.result.steps);
  CHECK(whole.result.update_norm > 0.0);
  // The description leads to the selected backbone.
  model::Parameters theta = f.loaded.parameters.clone();
  const RunDescription run = read_description(whole.run);
  CHECK(run.steps == whole.result.selected_steps);
  replay_run(run, read_trajectory(whole.run / "trajectory.jsonl"), theta);
  CHECK(std::ranges::equal(theta.values(), whole.theta));
  CHECK(run.adapter_names() == adapter_names);
  for (const std::string& name : adapter_names)
    CHECK(peft::kind(
              peft::read_peft(whole.run / RunDescription::adapter_folder(name), theta.config()).layout) ==
          peft::Kind::prefix);
  int steps = 0;
  const auto cut = f.train("cut", o, [&] { return ++steps == 3; });
  CHECK(cut.result.interrupted);
  const auto end = f.train("cut", o, [] { return false; }, true);
  CHECK(end.theta == whole.theta);
  CHECK(end.bytes("trajectory.jsonl") == whole.bytes("trajectory.jsonl"));
  for (const std::string& name : adapter_names)
    CHECK(end.bytes(weights_of(name)) == whole.bytes(weights_of(name)));
  CHECK(end.loss() == whole.loss());
  CHECK(end.result.selected_steps == whole.result.selected_steps);
}

TEST_CASE("a meta-training of one task updates as a fine-tuning of it", "[train]") {
  testing::TasksFixture f("meta_one");
  f.names.resize(1);
  RunOptions o = testing::short_run(4);
  o.early_stopping_patience = 100;  // the examples of both are split in the same way
  const auto meta = f.train("meta", o);
  o.command = Command::finetune;
  o.curve_points = 0;
  const auto tuned = f.train("tuned", o);
  CHECK(meta.bytes("trajectory.jsonl") == tuned.bytes("trajectory.jsonl"));
  CHECK(meta.theta == tuned.theta);
  CHECK(meta.result.update_norm == tuned.result.update_norm);
}
