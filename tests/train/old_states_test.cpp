// States that earlier versions of the program saved.
#include "zofo/run/old_states.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/model/cpu_backend.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/run/run_state.hpp"
#include "zofo/run/state_archive.hpp"
#include "zofo/runtime/any_estimator.hpp"
#include "zofo/train/device.hpp"

using namespace zofo;
using namespace zofo::llm;
using checkpoint::RunState;

namespace {

Eigen::VectorXf filled(float value) { return Eigen::VectorXf::Constant(3, value); }

// As version 1 saved a fine-tuning with SVRG, after its first step.
RunState version_1() {
  RunState state;
  state.json() = {
      {"version", 1},
      {"options", "method = 'bilevel'\n"},
      {"place", {{"model", "m"}}},
      {"identity", {{"model", "h"}}},
      {"log", {{"metrics", {1, "a"}}, {"trajectory", {2, "b"}}}},
      {"steps", 1},
      {"seconds", 0.5},
      {"rows", 40},
      {"tokens", 80},
      {"next_step", {{"seconds", 0.25}, {"rows", 40}}},
      {"adam_s.steps", 4},
      {"adam_p.steps", 2},
      {"anchor_penalty", 10.0},
      {"reduction",
       {{"kind", 1}, {"anchor", 0}, {"terms", {{7, 0, 0, 2.5}}}, {"batches", 8}, {"begun", true}}},
      {"stopping", {{"worse", 1}, {"latest", 1}}},
      {"best",
       {{"loss", 0.5}, {"accuracy", 1.0}, {"steps", 1}, {"what", "lower"}, {"upper", 0.6}, {"lower", 0.5}}}};
  const char* const names[] = {
      "p",        "s",        "adam_s.first", "adam_s.second", "adam_p.first", "adam_p.second",
      "anchor_p", "anchor_s", "best"};
  float value = 1.0F;
  for (const char* name : names) state.vectors[name] = filled(value++);
  return state;
}

}  // namespace

TEST_CASE("a state of version 1 becomes one of today", "[train]") {
  RunOptions options = preset(Method::bilevel);
  options.num_directions = 1;
  const RunState state = old_states::converted(version_1(), 1, options);
  CHECK(state.number<int>("version") == state_version);
  CHECK(state.number<std::string>("command") == "finetune");
  for (const char* name : {"options", "place", "identity", "log", "steps", "rows", "next_step", "stopping"})
    CHECK(state.json().at(name) == version_1().json().at(name));

  CpuDevice device;
  AdapterPair<Eigen::VectorXf> pair;
  TaskState<inner::Adam, Eigen::VectorXf> own;
  load_values(device, adapters_name(0), state, 3, pair.upper, pair.lower, own);
  CHECK(pair.upper == filled(1));
  CHECK(pair.lower == filled(2));
  CHECK(own.lower.steps == 4);
  CHECK(*own.lower.first == filled(3));
  CHECK(*own.lower.second == filled(4));
  CHECK(own.upper.steps == 2);
  CHECK(*own.upper.first == filled(5));
  CHECK(*own.upper.second == filled(6));
  CHECK(std::isnan(own.first_lower));

  AnyReduction::State reduction;
  EvaluationCount evaluations;
  double penalty = 0.0;
  std::vector<AdapterPair<Memory<Eigen::VectorXf>>> anchor;
  load_values(device, solver_name, state, 3, reduction, evaluations, penalty, anchor);
  CHECK(reduction.anchor == 0U);
  CHECK(penalty == 10.0);
  REQUIRE(anchor.size() == 1);
  CHECK(*anchor[0].upper == filled(7));
  CHECK(*anchor[0].lower == filled(8));
  const auto& svrg = std::get<AnyReduction::Svrg::State>(reduction.own);
  REQUIRE(svrg.base.terms.size() == 1);
  CHECK(svrg.base.terms[0].coefficient == 2.5);
  CHECK(svrg.base.queries == 1.0);
  CHECK(svrg.batches == 8);
  CHECK(svrg.started);
  CHECK(state.fields("best").string("selected") == "lower");
  CHECK(*state.vector("best 0") == filled(9));
}

TEST_CASE("a state of version 2 becomes one of today", "[train]") {
  RunState old;
  old.json() = {
      {"of", "meta-train"},
      {"version", 2},
      {"options", ""},
      {"place", {{"model", "m"}}},
      {"identity", {{"model", "h"}}},
      {"log", {{"metrics", {1, "a"}}, {"trajectory", {2, "b"}}}},
      {"before", {{0.5, 0.5, 1.0, 12, 0.5}}},
      {"tally", {3, 1.5, 30.0, 99, 0}},
      {"pairs", {{1, 6, 6}}},
      {"anchor_penalty", 10.0},
      {"reduction",
       {{"kind", 3}, {"anchor", 2}, {"terms", {{7, 0, 0, 2.0}, {7, 1, 0, 1.0}}}, {"sizes", {1, 1}}}}};
  for (int i = 0; i < 6; ++i)
    old.vectors[fmt::format("1.{}", i)] = i < 4 ? filled(static_cast<float>(i)) : Eigen::VectorXf();
  for (int task = 0; task < 2; ++task)
    for (const char* name : {"anchor_p", "anchor_s"})
      old.vectors[fmt::format("{}.{}", name, task)] = filled(9);
  RunOptions options = defaults(Command::meta_train);
  options.batch_size = 4;
  options.num_directions = 2;
  options.storm_weight = 0.1;
  const RunState state = old_states::converted(old, 2, options);
  CHECK(state.number<std::string>("command") == "meta-train");
  CHECK(state.number<std::uint32_t>("steps") == 3);
  CHECK(state.number<std::uint64_t>("rows") == 120);
  CHECK(!state.json().contains(adapters_name(0)));
  CpuDevice device;
  AdapterPair<Eigen::VectorXf> pair;
  TaskState<inner::Adam, Eigen::VectorXf> own;
  load_values(device, adapters_name(1), state, 3, pair.upper, pair.lower, own);
  CHECK(pair.lower == filled(1));
  CHECK(*own.lower.second == filled(3));
  CHECK(!own.upper.first);
  AnyReduction::State reduction;
  EvaluationCount evaluations;
  double penalty = 0.0;
  std::vector<AdapterPair<Memory<Eigen::VectorXf>>> anchor;
  load_values(device, solver_name, state, 3, reduction, evaluations, penalty, anchor);
  CHECK(anchor.size() == 2);
  const auto& storm = std::get<AnyReduction::Storm::State>(reduction.own);
  CHECK(storm.sizes == std::vector<std::size_t>{1, 1});
  const double weights = 0.81 * (0.81 + 0.01) + 0.01;  // of three steps
  CHECK(storm.squared_weights == Approx(weights));
  CHECK(storm.running.queries == Approx(2.0 / weights));
}

TEST_CASE("a state with old names of options is resumed by today's", "[train]") {
  RunOptions today = preset(Method::random_sign);
  today.max_steps = 40;
  today.zo_learning_rate = 0.25;
  today.outer_optimizer = OuterKind::rms_scalar;
  today.lora_target_modules = "k_proj,o_proj";
  std::string text = to_toml(today);
  const auto put_back = [&text](std::string_view name, std::string_view old_name) {
    const std::size_t at = text.find(fmt::format("\n{} = ", name));
    REQUIRE(at != std::string::npos);
    text.replace(at + 1, name.size(), old_name);
  };
  for (const RenamedOption& each : renamed_options) put_back(each.name, each.old_name);
  for (const auto& [value, old_value] :
       {std::pair("'random-sign'", "'drift'"), std::pair("'rms-scalar'", "'scalar-adam'"),
        std::pair("'persistent'", "'kept'"), std::pair("'k_proj,o_proj'", "'k,o'")})
    text.replace(text.find(value), std::string_view(value).size(), old_value);
  RunState state;
  state.json() = {{"version", state_version}, {"command", "finetune"}, {"options", text}, {"steps", 12}};
  Hints hints;
  const RunOptions started = options_of(state, &hints);
  CHECK(to_toml(started) == to_toml(today));
  CHECK(hints.size() == renamed_options.size() + 3);
  CHECK(std::ranges::count_if(hints, [](const std::string& hint) {
          return hint.starts_with("saved state: options:") &&
                 hint.ends_with(
                     "theta_rate: renamed to zo_learning_rate (the old name is accepted in this release)");
        }) == 1);
  today.max_steps = 50;
  CHECK_NOTHROW(check_changes(started, today, state));
  today.batch_size = 3;
  CHECK_THROWS_WITH(check_changes(started, today, state),
                    contains("batch_size = 3: the run was started with 8"));
}

TEST_CASE("an older state that lacks something is refused by its name", "[train]") {
  const RunOptions options = preset(Method::bilevel);
  RunState state = version_1();
  state.vectors.erase("s");
  CHECK_THROWS_WITH(old_states::converted(state, 1, options), contains("vector 's'"));
  state = version_1();
  state.json().erase("reduction");
  CHECK_THROWS_WITH(old_states::converted(state, 1, options), contains("reduction"));
  RunOptions counted = options;
  counted.outer_optimizer = OuterKind::rms_scalar;
  counted.variance_reduction = ReductionKind::storm;
  CHECK_THROWS_WITH(old_states::converted(version_1(), 1, counted),
                    contains("version 1: rms-scalar with storm"));
  state = version_1();
  state.json()["reduction"]["terms"] = {{1, 2}};
  CHECK_THROWS_WITH(old_states::converted(state, 1, options), contains("saved state"));
}
