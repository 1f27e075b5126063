// Runs over several tasks.
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/training.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "tasks_fixture.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

const std::vector<std::string> adapters{"good", "three", "words"};
bool same(const Eigen::VectorXf& a, const Eigen::VectorXf& b) { return a.size() == b.size() && a == b; }
std::string adapter_file(const std::string& task) {
  return "adapters/" + task + "/adapter_model.safetensors";
}
Eigen::VectorXf adapter(const testing::TasksFixture::Ended& run, const std::string& task,
                        const model::Config& config) {
  return peft::read_peft(run.run / RunDescription::adapter_folder(task), config).values;
}

}  // namespace

TEST_CASE("a run leaves a trajectory that leads to its backbone, and adapters that load", "[train]") {
  const testing::TasksFixture f("meta_run");
  const auto ended = f.train("run", testing::short_run(4, Method::bilevel));
  CHECK(ended.result.steps == 4);
  const RunDescription run = read_description(ended.run);
  CHECK(run.adapter_names() == adapters);
  model::Parameters theta = f.loaded.parameters.clone();
  CHECK_NOTHROW(run.check_backbone(ended.run, theta));
  replay_run(run, read_trajectory(ended.run / "trajectory.jsonl"), theta);
  CHECK(std::ranges::equal(theta.values(), ended.theta));
  CHECK(!std::ranges::equal(f.loaded.parameters.values(), ended.theta));
  CHECK_THROWS_WITH(run.check_backbone(ended.run, theta), contains("another backbone"));
  CHECK_THROWS_WITH(run.check_words(ended.run, "good", {" a", " b"}), contains("answer choices"));
  const auto& config = f.loaded.parameters.config();
  Eigen::VectorXf sum = Eigen::VectorXf::Zero(adapter(ended, "good", config).size());
  for (const std::string& name : adapters) sum += adapter(ended, name, config);
  CHECK((mean_adapter(ended.run, run, config).values - sum / 3.0F).cwiseAbs().maxCoeff() < 1e-6F);
  CHECK(adapter(ended, "good", config) != adapter(ended, "three", config));
}

TEST_CASE("every method does its part alone", "[train]") {
  const testing::TasksFixture f("meta_methods");
  const auto& values = f.loaded.parameters.values();
  const auto frozen = f.train("frozen", testing::short_run(4, Method::frozen));
  CHECK(std::ranges::equal(values, frozen.theta));
  CHECK(frozen.bytes("trajectory.jsonl").empty());
  CHECK(read_description(frozen.run).adapted);

  const auto none = f.train("none", testing::short_run(0, Method::none));
  CHECK(std::ranges::equal(values, none.theta));
  CHECK(none.loss_before() == none.loss());

  const auto mezo = f.train("mezo", testing::short_run(4, Method::joint_mezo));
  CHECK(!std::ranges::equal(values, mezo.theta));
  CHECK(!std::filesystem::exists(mezo.run / "adapters"));

  const auto lora = f.train("lora", testing::short_run(40, Method::joint_lora));
  CHECK(std::ranges::equal(values, lora.theta));
  CHECK(lora.loss() < lora.loss_before());
  // Merged, the backbone alone gives the loss that the adapter gave.
  model::Parameters theta = f.loaded.parameters.clone();
  const RunDescription run = read_description(lora.run);
  REQUIRE(run.merged);
  merge_run(lora.run, run, theta);
  model::Transformer transformer(theta.config(), peft::Lora(theta.config(), {}));
  const auto tasks = f.tasks(testing::short_run(1, Method::joint_lora));
  double loss = 0.0;
  for (const RunTask& task : tasks)
    loss += evaluate<model::CpuBackend>(transformer, theta, nullptr, task.held_out).loss / 3.0;
  CHECK(std::abs(loss - lora.loss()) < 1e-3);
}

TEST_CASE("drift takes the same first step up to its sign", "[train]") {
  const testing::TasksFixture f("meta_drift");
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    RunOptions a = testing::short_run(1, Method::bilevel), b = testing::short_run(1, Method::random_sign);
    a.seed = b.seed = seed;
    const auto bilevel = f.train(fmt::format("bilevel{}", seed), a);
    const auto drift = f.train(fmt::format("drift{}", seed), b);
    const auto moves = read_trajectory(bilevel.run / "trajectory.jsonl");
    const auto signs = read_trajectory(drift.run / "trajectory.jsonl");
    REQUIRE(moves.size() == 1);
    CHECK(std::abs(moves[0].update.terms.at(0).coefficient) ==
          std::abs(signs[0].update.terms.at(0).coefficient));
    for (const std::string& name : adapters)
      CHECK(bilevel.bytes(adapter_file(name)) == drift.bytes(adapter_file(name)));
  }
}

TEST_CASE("a step changes the adapters and moments of the sampled task only", "[train]") {
  const testing::TasksFixture f("meta_untouched");
  const RunOptions o = testing::short_run(12);
  const auto data = f.tasks(o);
  model::Parameters theta = f.loaded.parameters.clone();
  const peft::Lora lora(theta.config(), {2, 4.0F, {"q", "v"}});
  model::Transformer transformer(theta.config(), lora);
  LanguageProblem problem(transformer, {{{&data[0].examples}}, {{&data[1].examples}}, {{&data[2].examples}}},
                          {.batch_size = 4});
  BilevelOptions loop = loop_options(o);
  loop.tasks_per_step = 1;
  Solver solver{
      problem,
      Policies{
          .perturbation = Gaussian{}, .outer = outer::Sgd{.rate = 1e-4}, .lower = inner::Adam{.rate = 0.01}},
      loop};
  const Eigen::VectorXf initial = lora.initial(0);
  std::vector<AdapterPair<Eigen::VectorXf>> pairs(3, {initial, initial});
  std::vector<int> sampled(3);
  // p, s and all four moments, bit for bit.
  const auto vectors = [&](std::size_t i) {
    const auto& state = solver.state().tasks[i];
    const auto or_none = [](const std::optional<Eigen::VectorXf>& x) {
      return x.value_or(Eigen::VectorXf());
    };
    return std::vector<Eigen::VectorXf>{pairs[i].upper,
                                        pairs[i].lower,
                                        or_none(state.upper.first),
                                        or_none(state.upper.second),
                                        or_none(state.lower.first),
                                        or_none(state.lower.second)};
  };
  for (int step = 0; step < 12; ++step) {
    std::vector<std::vector<Eigen::VectorXf>> before;
    for (std::size_t i = 0; i < 3; ++i) before.push_back(vectors(i));
    const std::vector<std::size_t> expected = solver.upcoming();
    solver.step(theta, pairs);
    REQUIRE(solver.sampled().size() == 1);
    REQUIRE(solver.sampled()[0] == expected.at(0));
    for (std::size_t i = 0; i < 3; ++i) {
      const bool own = solver.sampled()[0] == i;
      sampled[i] += own ? 1 : 0;
      CHECK(solver.state().tasks[i].lower.steps == 2 * static_cast<std::uint64_t>(sampled[i]));
      const auto after = vectors(i);
      for (std::size_t v = 0; v < after.size(); ++v) CHECK(same(after[v], before[i][v]) == !own);
    }
  }
  for (const int count : sampled) CHECK(count > 0);
}

TEST_CASE("adapters on disk train to the bit as in memory", "[train]") {
  const testing::TasksFixture f("meta_spill");
  RunOptions o = testing::short_run(12, Method::bilevel);
  o.tasks_per_step = 1;
  o.sampling = Sampling::proportional;
  const auto memory = f.train("memory", o);
  o.max_resident_adapters = 1;
  const auto disk = f.train("disk", o);
  CHECK(memory.bytes("trajectory.jsonl") == disk.bytes("trajectory.jsonl"));
  for (const std::string& name : adapters)
    CHECK(memory.bytes(adapter_file(name)) == disk.bytes(adapter_file(name)));
  CHECK(memory.theta == disk.theta);
  CHECK(!std::filesystem::exists(disk.run / "adapters_on_disk"));
}

TEST_CASE("the store keeps at most the allowed pairs in memory, and loses none", "[train]") {
  const testing::TasksFixture f("meta_store");
  CpuDevice device;
  const Eigen::VectorXf initial = Eigen::VectorXf::Constant(5, 0.5F);
  AdapterStore store(device, {f.folder / "pairs", 2, 4, initial});
  auto pairs = store.empty_pairs();
  AdapterStore<CpuDevice>::States states(4);
  const auto fetch = [&](std::vector<std::size_t> list) { store.fetch(list, pairs, states); };
  for (std::size_t task = 0; task < 4; ++task) {
    fetch({task});
    CHECK(store.resident() <= 2);
    CHECK(pairs[task].upper == initial);
    pairs[task].upper[0] = static_cast<float>(task);
    states[task].lower.steps = task;
    states[task].lower.first = Eigen::VectorXf::Constant(5, static_cast<float>(task));
    states[task].first_lower = 0.25 * static_cast<double>(task);
  }
  CHECK(pairs[0].upper.size() == 0);  // on disk
  CHECK(store.adapter(0, Level::upper, pairs)[0] == 0.0F);
  CHECK(store.adapter(0, Level::lower, pairs) == initial);
  fetch({0, 1, 2});  // a step may need more than may stay
  for (std::size_t task = 0; task < 3; ++task) {
    CHECK(pairs[task].upper[0] == static_cast<float>(task));
    CHECK(states[task].lower.steps == task);
    CHECK(states[task].lower.first->sum() == 5.0F * static_cast<float>(task));
    CHECK(!states[task].lower.second);
    CHECK(states[task].first_lower == 0.25 * static_cast<double>(task));
    CHECK(std::isnan(states[task].first_upper));
  }
  store.reset(pairs, states);
  fetch({3});
  CHECK(pairs[3].upper == initial);
  CHECK(states[3].lower.steps == 0);
  CHECK(!states[3].lower.first);
}

TEST_CASE("adapters are reset, persistent or shared by the options", "[train]") {
  const testing::TasksFixture f("meta_reset");
  const auto& config = f.loaded.parameters.config();
  const auto distance = [&](const testing::TasksFixture::Ended& run, const std::string& name) {
    const Eigen::VectorXf start = peft::Lora(config, {2, 16.0F, {"q", "v"}}).initial(0);
    return (adapter(run, name, config) - start).cwiseAbs().maxCoeff();
  };
  RunOptions o = testing::short_run(20, Method::frozen);
  const auto kept = f.train("kept", o);
  o.adapters = AdapterMode::reset;
  o.reset_interval = 1;
  const auto reset = f.train("reset", o);
  // A step of Adam is at most rate · √(1 − β₂)⁻¹(1 − β₁) in theory, about the rate here: two steps, 0.02.
  for (const std::string& name : adapters) {
    CHECK(distance(reset, name) < 0.025F);
    CHECK(distance(kept, name) > 0.05F);
  }
  o.reset_interval = 1000;  // never within the run
  const auto late = f.train("late", o);
  CHECK(late.bytes(adapter_file("good")) == kept.bytes(adapter_file("good")));
  o.adapters = AdapterMode::shared;
  const auto tied = f.train("tied", o);
  CHECK(read_description(tied.run).adapter_names() == std::vector<std::string>{"tied"});
  CHECK(distance(tied, "tied") > 0.05F);
}

TEST_CASE("an interrupted run resumes bit for bit", "[train]") {
  const testing::TasksFixture f("meta_resume");
  RunOptions o = testing::short_run(12, Method::bilevel);
  o.tasks_per_step = 2;
  o.save_steps = 4;
  const std::string way = GENERATE("kept", "reset", "tied", "on disk", "rademacher");
  if (way == "reset") o.adapters = AdapterMode::reset;
  if (way == "tied") o.adapters = AdapterMode::shared;
  o.reset_interval = 5;
  if (way == "on disk") o.max_resident_adapters = 1;
  if (way == "rademacher") o.direction = DirectionKind::rademacher;
  const auto whole = f.train("whole", o);
  // Cut after step 7: the state is that of the interrupt. Then as if killed: an older state beside longer
  // logs.
  int steps = 0;
  const auto cut = f.train("cut", o, [&] { return ++steps == 7; });
  CHECK(cut.result.interrupted);
  CHECK(cut.result.steps == 7);
  RunOptions nine = o;
  nine.max_steps = 9;
  nine.save_steps = 8;
  const auto middle = f.train("cut", nine, [] { return false; }, true);
  CHECK(middle.result.steps == 9);
  zofo::AppendFile(middle.run / "trajectory.jsonl").line("{\"at\": 9, \"half a li");
  const auto end = f.train("cut", o, [] { return false; }, true);
  CHECK(end.result.steps == 12);
  CHECK(end.theta == whole.theta);
  CHECK(end.bytes("trajectory.jsonl") == whole.bytes("trajectory.jsonl"));
  for (const std::string& name : way == "tied" ? std::vector<std::string>{"tied"} : adapters)
    CHECK(end.bytes(adapter_file(name)) == whole.bytes(adapter_file(name)));
  CHECK(end.loss() == whole.loss());
  CHECK(end.loss_before() == whole.loss_before());
  CHECK(end.result.update_norm == whole.result.update_norm);
  CHECK(end.result.passes == whole.result.passes);
}

TEST_CASE("a run resumes only with the inputs of its start", "[train]") {
  testing::TasksFixture f("meta_resume_errors");
  RunOptions o = testing::short_run(2, Method::bilevel);
  const auto run = f.train("run", o);
  const auto again = [&](const RunOptions& changed) {
    return f.train("run", changed, [] { return false; }, true);
  };
  CHECK(!can_continue(o, read_state(RunFolder::open(run.run))));
  o.max_steps = 1;
  CHECK_THROWS_WITH(again(o), contains("has already taken 2"));
  o.max_steps = 4;
  CHECK(can_continue(o, read_state(RunFolder::open(run.run))));
  RunOptions other = o;
  other.zo_learning_rate = 1e-3;
  CHECK_THROWS_WITH(again(other), contains("zo_learning_rate = 0.001"));
  const std::string state = run.bytes("state.bin");
  const auto write = [&](const char* file, const std::string& bytes) {
    zofo::write_atomically(run.run / file, bytes);
  };
  write("state.bin", state.substr(0, state.size() - 9));
  CHECK_THROWS_WITH(again(o), contains("state.bin"));
  write("state.bin", state);
  const std::string log = run.bytes("trajectory.jsonl");
  write("trajectory.jsonl", log.substr(0, log.size() / 2));
  CHECK_THROWS_WITH(again(o), contains("trajectory.jsonl"));
  write("trajectory.jsonl", log);
  const std::string lines = parse::read_file(std::filesystem::path(f.names[0]) / "train.jsonl");
  zofo::write_atomically(std::filesystem::path(f.names[0]) / "train.jsonl",
                         lines.substr(lines.find('\n') + 1));
  CHECK_THROWS_WITH(again(o), contains("task good"));
  zofo::write_atomically(std::filesystem::path(f.names[0]) / "train.jsonl", lines);
  CHECK(again(o).result.steps == 4);  // nothing was lost
  std::filesystem::remove(run.run / "state.bin");
  CHECK_THROWS_WITH(again(o), contains("no saved state"));
}

TEST_CASE("tasks are sampled by their number of examples", "[train]") {
  const testing::TasksFixture f("meta_weights");
  RunOptions o = testing::short_run(1, Method::bilevel);
  const auto tasks = f.tasks(o);
  CHECK(task_weights(o, tasks).empty());
  o.sampling = Sampling::proportional;
  CHECK(task_weights(o, tasks) == std::vector<double>{24, 36, 15});
  o.sampling = Sampling::tempered;
  o.temperature = 2.0;
  CHECK(task_weights(o, tasks)[1] == Approx(6.0));
}

TEST_CASE("what cannot be is said", "[train]") {
  testing::TasksFixture f("meta_errors");
  RunOptions o = testing::short_run(1, Method::bilevel);
  o.tasks_per_step = 4;
  CHECK_THROWS_WITH(f.tasks(o), contains("tasks_per_step = 4"));
  o.tasks_per_step = 0;
  f.names.push_back(f.names.front());
  CHECK_THROWS_WITH(f.tasks(o), contains("'good' is named twice"));
  f.names.clear();
  CHECK_THROWS_WITH(f.tasks(o), contains("tasks: none is named: must be at least 1"));
  f.add("two", "[\" a\", \" b\"]", 2, 1);
  CHECK_THROWS_WITH(f.tasks(o), contains("task two: training examples: 2"));
  CHECK_THROWS_WITH(parse_toml(o, "sampling = 'sometimes'", "options"), contains("sampling"));
  RunOptions mezo = testing::short_run(1, Method::joint_mezo);
  mezo.adapters = AdapterMode::reset;
  CHECK_THROWS_WITH(mezo.check(), contains("method joint-mezo trains no adapters of single tasks"));
  CHECK_THROWS_WITH(check_folder_name("../a"), contains("'../a'"));
  CHECK_THROWS_WITH(read_description(f.folder), contains("meta.json"));
}
