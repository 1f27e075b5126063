// Ways to update θ: every one can be replayed and resumed to the bit.
#include <cmath>
#include <functional>
#include <set>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "problem_calls.hpp"
#include "tasks_fixture.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/update_distance.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

struct Way {
  const char* name;
  void (*set)(RunOptions&);
};
const std::vector<Way> ways{
    {"low-rank",
     [](RunOptions& o) {
       o.direction = DirectionKind::low_rank;
       o.direction_rank = 2;
       o.direction_interval = 3;
       o.num_directions = 4;
     }},
    {"random-sparse",
     [](RunOptions& o) {
       o.direction = DirectionKind::random_sparse;
       o.mask_density = 0.1;
       o.direction_interval = 2;
       o.seed = 3;
     }},
    {"sparse", [](RunOptions& o) { o.direction = DirectionKind::sparse; }},
    {"svrg",
     [](RunOptions& o) {
       o.variance_reduction = ReductionKind::svrg;
       o.anchor_interval = 4;
       o.anchor_batches = 2;
       o.tasks_per_step = 2;
     }},
    {"storm", [](RunOptions& o) { o.variance_reduction = ReductionKind::storm; }},
    {"momentum", [](RunOptions& o) { o.outer_optimizer = OuterKind::momentum; }},
    {"adam",
     [](RunOptions& o) {
       o.outer_optimizer = OuterKind::adam;
       o.zo_learning_rate = 1e-5;
     }},
    {"rms-scalar", [](RunOptions& o) { o.outer_optimizer = OuterKind::rms_scalar; }},
    {"max_step_norm", [](RunOptions& o) { o.max_step_norm = 0.01; }},
    {"max_step_norm with momentum",
     [](RunOptions& o) {
       o.max_step_norm = 0.01;
       o.outer_optimizer = OuterKind::momentum;
     }},
    {"spread-scaled",
     [](RunOptions& o) {
       o.direction = DirectionKind::rademacher;
       o.forward_difference = o.std_normalized = true;
       o.num_directions = 4;
     }},
    {"unseen, tied, spider",
     [](RunOptions& o) {
       o.backbone_examples = ThetaRows::unseen;
       o.adapters = AdapterMode::shared;
       o.variance_reduction = ReductionKind::spider;
       o.anchor_interval = 4;
       o.anchor_batches = 2;
     }},
};
const auto never = [] { return false; };
double distance(const std::vector<float>& a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("every way to move the backbone is replayed and resumed to the bit", "[train]") {
  const testing::TasksFixture f("meta_regimes");
  for (const Way& way : ways) {
    INFO(way.name);
    RunOptions o = testing::short_run(9);
    o.save_steps = 3;
    way.set(o);
    const std::string name = std::to_string(&way - ways.data());
    const auto whole = f.train("whole" + name, o);
    model::Parameters theta = f.loaded.parameters.clone();
    const RunDescription run = read_description(whole.run);
    replay_run(run, read_trajectory(whole.run / "trajectory.jsonl"), theta);
    REQUIRE(std::ranges::equal(theta.values(), whole.theta));
    CHECK(!std::ranges::equal(f.loaded.parameters.values(), whole.theta));
    // Cut after step 5: amid a reduction's period and a held subspace.
    int steps = 0;
    const auto cut = f.train("cut" + name, o, [&] { return ++steps == 5; });
    REQUIRE(cut.result.steps == 5);
    const auto end = f.train("cut" + name, o, never, true);
    CHECK(end.theta == whole.theta);
    for (const char* file : {"trajectory.jsonl", "meta.json"}) CHECK(end.bytes(file) == whole.bytes(file));
    CHECK(end.loss() == whole.loss());
    CHECK(end.result.update_norm == whole.result.update_norm);
  }
}

TEST_CASE("the recorded norm of the updates is that of the backbone", "[train]") {
  const testing::TasksFixture f("meta_moved");
  const std::span<const float> start = f.loaded.parameters.values();
  for (const Way& way : ways) {
    INFO(way.name);
    RunOptions o = testing::short_run(6);
    way.set(o);
    const auto run = f.train("run" + std::to_string(&way - ways.data()), o);
    const double measured = distance(run.theta, start);
    REQUIRE(measured > 0.0);
    // In the mean over directions: their number of coordinates is in the thousands, low-rank ones have fewer
    // degrees of freedom, about a hundred a matrix: √(2/100) = 0.14 of one direction; three times that.
    CHECK(std::abs(run.result.update_norm / measured - 1.0) < 0.42);
    if (o.outer_optimizer == OuterKind::adam || o.outer_optimizer == OuterKind::momentum)
      CHECK(run.result.update_norm == Approx(measured).epsilon(1e-9));
    if (o.max_step_norm > 0.0 && o.outer_optimizer == OuterKind::sgd)
      CHECK(run.result.update_norm <= 6 * 0.01 * (1.0 + 1e-9));
  }
  // Shortened at each of the steps: their directions are orthogonal, √6 times the longest step in all.
  RunOptions o = testing::short_run(6);
  o.max_step_norm = 1e-5;
  CHECK(f.train("short", o).result.update_norm == Approx(std::sqrt(6.0) * 1e-5));
}

TEST_CASE("the default way is what it was: an estimate and a step of gradient descent", "[train]") {
  const testing::TasksFixture f("meta_default");
  const auto run = f.train("run", testing::short_run(4));
  model::Parameters theta = f.loaded.parameters.clone();
  for (const auto& step : read_trajectory(run.run / "trajectory.jsonl")) {
    REQUIRE(step.update.terms.size() == 1);
    CHECK(step.update.terms[0].direction == Direction{0, step.step, 0});
    Gaussian{}.add(theta, step.update.terms[0].direction, -1e-4 * step.update.terms[0].coefficient);
  }
  CHECK(std::ranges::equal(theta.values(), run.theta));
}

TEST_CASE("the drift control has the steps of what it controls, but for their signs", "[train]") {
  const testing::TasksFixture f("meta_drift_ways");
  for (const Way& way : ways) {
    INFO(way.name);
    RunOptions o = testing::short_run(1);
    way.set(o);
    o.method = Method::bilevel;
    const auto real =
        read_trajectory(f.train("real" + std::to_string(&way - ways.data()), o).run / "trajectory.jsonl");
    std::set<int> signs;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      o.seed = seed;
      o.method = Method::bilevel;
      const auto a = read_trajectory(f.train(fmt::format("a{}.{}", &way - ways.data(), seed), o).run /
                                     "trajectory.jsonl");
      o.method = Method::random_sign;
      const auto b = read_trajectory(f.train(fmt::format("b{}.{}", &way - ways.data(), seed), o).run /
                                     "trajectory.jsonl");
      REQUIRE(a.size() == 1);
      REQUIRE(a[0].update.terms.size() == b[0].update.terms.size());
      const double sign = a[0].update.terms[0].coefficient == b[0].update.terms[0].coefficient ? 1.0 : -1.0;
      for (std::size_t i = 0; i < a[0].update.terms.size(); ++i)
        CHECK(a[0].update.terms[i].coefficient == sign * b[0].update.terms[i].coefficient);
      signs.insert(sign > 0.0 ? 1 : -1);
    }
    CHECK(signs.size() == 2);  // eight coins that agree: 1 in 128, and the seeds are fixed
  }
}

TEST_CASE("unseen examples are a third that p is never fitted to, and the only ones of F in θ's estimates",
          "[train]") {
  const testing::TasksFixture f("meta_unseen");
  RunOptions o = testing::short_run(1);
  const auto shared = f.tasks(o);
  o.backbone_examples = ThetaRows::unseen;
  const auto apart = f.tasks(o);
  for (std::size_t t = 0; t < shared.size(); ++t) {
    const std::size_t n = shared[t].training_examples();
    CHECK(shared[t].examples.unseen.empty());
    CHECK(apart[t].training_examples() == n);
    CHECK(apart[t].examples.upper.size() == n / 3);
    CHECK(apart[t].examples.unseen.size() == n / 3);
    CHECK(apart[t].examples.lower.size() == n - 2 * (n / 3));
    std::set<const void*> whole, parts;
    for (const auto* examples :
         {&apart[t].examples.upper, &apart[t].examples.lower, &apart[t].examples.unseen})
      for (const EncodedExample& example : *examples) parts.insert(example.prompt.data());
    CHECK(parts.size() == n);                // every example once
    for (std::size_t i = 0; i < n / 3; ++i)  // F for p is the same
      CHECK(apart[t].examples.upper[i].prompt == shared[t].examples.upper[i].prompt);
  }
  const peft::Lora lora(f.loaded.parameters.config(), {2, 4.0F, {"q", "v"}});
  model::Transformer transformer(f.loaded.parameters.config(), lora);
  const TaskExamples& examples = apart[1].examples;
  const TaskExamples only_unseen{examples.unseen, examples.lower}, without{examples.upper, examples.lower};
  const auto problem = [&](const TaskExamples& of) {
    return LanguageProblem(transformer, {{{&of}}}, {.batch_size = 4});
  };
  LanguageProblem task = problem(examples), of_unseen = problem(only_unseen), plain = problem(without);
  const Eigen::VectorXf p = lora.initial(1);
  const BatchPair batches{{4, 2, stream_number(BatchStream::probe_upper)},
                          {4, 2, stream_number(BatchStream::probe_lower)}};
  const Probe here;
  const auto terms = [&](LanguageProblem& at) {
    return testing::terms(at, f.loaded.parameters, Gaussian{}, std::span(&here, 1), p, p, batches)[0];
  };
  CHECK(terms(task).upper == terms(of_unseen).upper);
  CHECK(terms(task).lower_p == terms(of_unseen).lower_p);
  CHECK(terms(task).upper != terms(plain).upper);
  // p's gradient is still on the same examples of F.
  Eigen::VectorXf a = p, b = p;
  testing::gradient(task, f.loaded.parameters, p, 1.0, 0.0, batches, a);
  testing::gradient(plain, f.loaded.parameters, p, 1.0, 0.0, batches, b);
  CHECK(a == b);
}

TEST_CASE("a reduction's anchor holds adapters of tasks that were not sampled yet", "[train]") {
  const testing::TasksFixture f("meta_anchor");
  RunOptions o = testing::short_run(8);
  o.tasks_per_step = 1;
  o.variance_reduction = ReductionKind::svrg;
  o.anchor_interval = 100;
  const auto run = f.train("run", o);
  CHECK(run.result.steps == 8);
  CHECK(read_trajectory(run.run / "trajectory.jsonl")[7].update.terms.size() == 2);
  o.max_resident_adapters = 1;
  CHECK_THROWS_WITH(o.check(), contains("max_resident_adapters = 1") && contains("svrg"));
}

TEST_CASE("what cannot be in meta-training is said", "[train]") {
  const auto refused = [](const std::function<void(RunOptions&)>& change, const char* what) {
    RunOptions o = testing::short_run(1);
    change(o);
    CHECK_THROWS_WITH(o.check(), contains(what));
  };
  refused([](RunOptions& o) { o.mask_density = 0.0; }, "mask_density = 0");
  refused([](RunOptions& o) { o.max_step_norm = -1.0; }, "max_step_norm = -1");
  refused([](RunOptions& o) { o.max_step_norm = 0.1, o.outer_optimizer = OuterKind::adam; },
          "max_step_norm = 0.1: must be 0 with");
  refused([](RunOptions& o) { o.device = DeviceKind::cuda, o.outer_optimizer = OuterKind::adam; },
          "outer_optimizer = \"adam\": not supported on a GPU");
  refused([](RunOptions& o) { o.device = DeviceKind::cuda, o.direction = DirectionKind::sparse; },
          "direction = \"sparse\"");
  refused([](RunOptions& o) { o.std_normalized = true; }, "needs forward_difference");
  refused(
      [](RunOptions& o) {
        o.backbone_examples = ThetaRows::unseen, o.method = Method::joint_mezo, o.adapter = AdapterKind::none;
      },
      "does not train p");
}

TEST_CASE("a run's description names what it lacks", "[train]") {
  const testing::TasksFixture f("meta_description");
  RunOptions o = testing::short_run(2);
  o.seed = 9;
  const auto run = f.train("run", o);
  const auto described = [&](const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json meta = nlohmann::json::parse(run.bytes("meta.json"));
    change(meta);
    std::filesystem::create_directories(f.folder / "other");
    zofo::write_atomically(f.folder / "other" / "meta.json", meta.dump());
    return read_description(f.folder / "other");
  };
  const RunDescription same = described([](nlohmann::json&) {});
  CHECK(same.theta.seed == 9);
  CHECK(to_json(same) == nlohmann::json::parse(run.bytes("meta.json")));
  const RunDescription older = described([](nlohmann::json& m) {  // as an earlier release wrote it
    const auto put_back = [](nlohmann::json& fields, std::string_view name, std::string_view old_name) {
      if (!fields.contains(std::string(name))) return;
      fields[std::string(old_name)] = fields[std::string(name)];
      fields.erase(std::string(name));
    };
    m["theta"]["outer_optimizer"] = "scalar-adam";
    for (const RenamedOption& each : renamed_options) {
      put_back(m, each.name, each.old_name);
      put_back(m["theta"], each.name, each.old_name);
    }
    m["method"] = "drift";
  });
  CHECK(older.method == Method::random_sign);
  CHECK(older.theta.outer_optimizer == OuterKind::rms_scalar);
  CHECK(older.theta.zo_learning_rate == same.theta.zo_learning_rate);
  CHECK(older.schedule == same.schedule);
  CHECK_THROWS_WITH(described([](nlohmann::json& m) { m["theta"]["epsilon"] = 1e-3; }),
                    contains("epsilon: the old name of zo_eps"));
  CHECK_THROWS_WITH(described([](nlohmann::json& m) { m.erase("theta"); }), contains("'theta' is missing"));
  CHECK_THROWS_WITH(described([](nlohmann::json& m) { m["theta"].erase("max_step_norm"); }),
                    contains("theta: field 'max_step_norm' is missing"));
  CHECK_THROWS_WITH(described([](nlohmann::json& m) { m["theta"]["direction"] = "sideways"; }),
                    contains("direction = \"sideways\""));
  CHECK_THROWS_WITH(described([](nlohmann::json& m) { m["theta"]["mask_density"] = 2.0; }),
                    contains("meta.json") && contains("mask_density = 2"));
  CHECK_THROWS_WITH(described([](nlohmann::json& m) { m["theta"]["seed"] = -1; }), contains("seed = -1"));
}
