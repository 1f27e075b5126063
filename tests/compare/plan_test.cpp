#include "zofo/compare/plan.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/compare/command_line.hpp"
#include "zofo/compare/plan_file.hpp"
#include "zofo/compare/saved_plan.hpp"
#include "zofo/config/methods.hpp"
#include "zofo/core/error_type.hpp"

using namespace zofo::compare;

namespace {

PlanTexts texts() {
  PlanTexts t;
  t.model = "model.gguf";
  t.definitions = "tasks";
  t.device = "cpu";
  t.tasks = {"sst2", "rte"};
  t.methods = {"bilevel", "slow=lora", "lora"};
  t.seeds = {"0", "7"};
  t.seconds = "60";
  return t;
}

Plan checked(const PlanTexts& t) {
  Plan plan = make_plan(t);
  plan.check();
  return plan;
}

// The message of the error after a change of the texts.
template <class Change>
std::string refusal(Change&& change) {
  PlanTexts t = texts();
  change(t);
  try {
    checked(t);
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace

TEST_CASE("cells are every task by every method with every seed, once", "[compare]") {
  const Plan plan = checked(texts());
  std::set<std::tuple<std::size_t, std::size_t, std::uint64_t>> seen;
  for (const Cell& cell : plan.cells()) CHECK(seen.insert({cell.task, cell.arm, cell.seed}).second);
  CHECK(seen.size() == 2 * 3 * 2);
  CHECK(plan.cells()[0].seed == plan.cells()[2].seed);  // all methods of a seed first
  CHECK(plan.cells()[3].seed == 7);
}

TEST_CASE("settings apply to their method, general ones first, a later one replaces an earlier one",
          "[compare]") {
  PlanTexts t = texts();
  t.settings = {
      "lora.lower-learning-rate=5e-4", "lower_learning_rate=1e-3", "slow.lower_learning_rate=0.0001",
      "forward_difference=true",       "lora.batch_size=4",        "lora.batch_size=16"};
  const Plan plan = checked(t);
  const auto value = [&](std::size_t arm, const std::string& option) {
    std::string found;
    for (const Setting& setting : plan.arms[arm].settings)
      if (setting.option == option) found += setting.value + ";";
    return found;
  };
  CHECK(value(0, "lower_learning_rate") == "0.001;");
  CHECK(value(1, "lower_learning_rate") == "0.0001;");
  CHECK(value(2, "lower_learning_rate") == "0.0005;");
  CHECK(value(0, "forward_difference") == "true;");
  CHECK(value(2, "batch_size") == "16;");
  CHECK(value(0, "batch_size").empty());
  CHECK(plan.arms[1].method == zofo::llm::Method::lora);
}

TEST_CASE("an invalid plan is refused, and the message names the field", "[compare]") {
  CHECK_THAT(refusal([](PlanTexts& t) { t.methods = {"sgd"}; }),
             contains("method = \"sgd\"") && contains("lora"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.methods = {}; }), contains("methods: none given"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.methods = {"lora", "lora"}; }), contains("lora is given twice"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.methods = {"../x=lora"}; }), contains("../x"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.methods = {"zero-shot=lora"}; }), contains("untrained"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.tasks = {}; }), contains("tasks: none given"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seeds = {}; }), contains("seeds: none given"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seeds = {""}; }), contains("seeds: none given"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seeds = {"1", "1"}; }), contains("1 is given twice"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seeds = {"-1"}; }), contains("seeds = -1"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seeds = {"9223372036854775808"}; }), contains("2^63"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seconds = ""; }), contains("one budget"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.passes = "100"; }), contains("one budget"));
  for (const char* bad : {"nan", "inf", "-5", "1e10"})
    CHECK_THAT(refusal([&](PlanTexts& t) { t.seconds = bad; }), contains("max_seconds = "));
  CHECK_THAT(refusal([](PlanTexts& t) { t.seconds = "soon"; }), contains("max_seconds = soon"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.rows = "1.5"; }), contains("max_eval_samples = 1.5"));
  CHECK_THAT(refusal([](PlanTexts& t) { t.device = "tpu"; }), contains("tpu"));
}

TEST_CASE("settings that finetune would refuse are refused before anything runs", "[compare]") {
  const auto set = [](const std::string& text) {
    return refusal([&](PlanTexts& t) { t.settings = {text}; });
  };
  CHECK_THAT(set("mezo.batch_size=3"), contains("mezo.batch_size") && contains("no such method"));
  CHECK_THAT(set("lora.colour=3"), contains("lora.colour: finetune has no such option"));
  CHECK_THAT(set("lora.batch_size=many"), contains("lora.batch_size = many"));
  CHECK_THAT(set("lora.batch_size=-1"), contains("lora.batch_size = -1"));
  CHECK_THAT(set("lora.batch_size=4294967296"), contains("4294967296"));
  CHECK_THAT(set("lora.batch_size=0"), contains("methods: lora: batch_size = 0"));
  CHECK_THAT(set("lora.lower_learning_rate=nan"), contains("lower_learning_rate = nan"));
  CHECK_THAT(set("forward_difference=1"), contains("forward_difference = 1: must be true or false"));
  CHECK_THAT(set("lora.seed=3"), contains("lora.seed") && contains("--seeds"));
  CHECK_THAT(set("max_seconds=3"), contains("--max-seconds"));
  CHECK_THAT(set("batch_size"), contains("'batch_size'"));
  CHECK_THAT(set("=3"), contains("'=3'"));
}

TEST_CASE("another plan is refused, the same one is not", "[compare]") {
  const nlohmann::json started = to_json(checked(texts()));
  const auto now = [&](auto change) {
    PlanTexts t = texts();
    change(t);
    return to_json(checked(t));
  };
  CHECK_NOTHROW(check_same(now([](PlanTexts&) {}), started, "runs/x"));
  CHECK_NOTHROW(check_same(now([](PlanTexts& t) { t.seconds = "6e1"; }), started, "runs/x"));
  const auto refused = [&](auto change) {
    try {
      check_same(now(change), started, "runs/x");
    } catch (const zofo::Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was refused");
  };
  CHECK_THAT(refused([](PlanTexts& t) { t.seconds = "61"; }),
             contains("max_seconds = 61.0: runs/x was started with 60.0"));
  CHECK_THAT(refused([](PlanTexts& t) { t.model = "other.gguf"; }), contains("model = \"other.gguf\""));
  CHECK_THAT(refused([](PlanTexts& t) { t.settings = {"lora.batch_size=4"}; }),
             contains("methods.lora.options.batch_size = "));
  CHECK_THAT(refused([](PlanTexts& t) { t.methods = {"bilevel", "slow=mezo", "lora"}; }),
             contains("methods.slow.method = \"mezo\""));
  CHECK_THAT(refused([](PlanTexts& t) { t.seeds = {"0", "8"}; }), contains("seeds[1] = 8"));
  CHECK_THAT(refused([](PlanTexts& t) { t.seeds = {"0"}; }), contains("seeds = [0]"));
  CHECK_THROWS_WITH(check_same(started, nlohmann::json::array(), "x"), contains("x was started with []"));
}

TEST_CASE("epochs are a budget too", "[compare]") {
  PlanTexts t = texts();
  t.epochs = "2";
  CHECK_THROWS_WITH(checked(t), contains("max_seconds = 60, max_forward_passes = 0 and epochs = 2"));
  t.seconds = "";
  const Plan plan = checked(t);
  CHECK(plan.settings_of(7).at(2).option == "epochs");
  CHECK(plan.settings_of(7).at(2).value == "2");
  CHECK_THAT(command_line(plan), contains(" --epochs 2 "));
  CHECK(to_json(plan).at("epochs") == 2.0);
  CHECK(!to_json(checked(texts())).contains("epochs"));  // as comparisons of earlier releases
  t.epochs = "-1";
  CHECK_THROWS_WITH(checked(t), contains("epochs = -1"));
  t = texts();
  t.settings = {"lora.epochs=2"};
  CHECK_THROWS_WITH(checked(t), contains("--epochs"));
}

TEST_CASE("passes are a budget too, and every method of finetune can be compared with its defaults",
          "[compare]") {
  PlanTexts t = texts();
  t.seconds = "";
  t.passes = "1e4";
  t.methods.clear();
  for (const zofo::llm::MethodInfo& method : zofo::llm::methods) t.methods.emplace_back(method.name());
  const Plan plan = checked(t);
  CHECK(plan.arms.size() == zofo::llm::methods.size());
  std::string given;
  for (const Setting& setting : plan.settings_of(7)) given += setting.option + "=" + setting.value + " ";
  CHECK(given == "seed=7 device=cpu max_forward_passes=10000 ");
}

TEST_CASE("a plan by old names is the plan by today's, with a hint for each", "[compare]") {
  PlanTexts old = texts();
  old.methods = {"bilevel", "drift", "lora"};
  old.settings = {"theta_rate=1e-6", "drift.outer=scalar-adam", "lora.lora_targets=q,v"};
  zofo::llm::Hints hints;
  Plan plan = make_plan(old, &hints);
  plan.check();
  const std::string accepted = " (the old name is accepted in this release)";
  CHECK(hints == zofo::llm::Hints{"methods = \"drift\": renamed to \"random-sign\"" + accepted,
                                  "set theta_rate: renamed to zo_learning_rate" + accepted,
                                  "set drift.outer: renamed to outer_optimizer" + accepted,
                                  "set drift.outer = \"scalar-adam\": renamed to \"rms-scalar\"" + accepted,
                                  "set lora.lora_targets: renamed to lora_target_modules" + accepted});
  PlanTexts today = texts();
  today.methods = {"bilevel", "drift=random-sign", "lora"};
  today.settings = {"zo_learning_rate=1e-6", "drift.outer_optimizer=rms-scalar",
                    "lora.lora_target_modules=q_proj,v_proj"};
  hints.clear();
  Plan same = make_plan(today, &hints);
  same.check();
  CHECK(hints.empty());
  CHECK(to_json(plan) == to_json(same));
  // The plan.json of an earlier release.
  nlohmann::json saved = to_json(same);
  for (const auto& each : plan_fields) {
    saved[std::string(each.old_name)] = saved.at(std::string(each.name));
    saved.erase(std::string(each.name));
  }
  nlohmann::json& arm = saved["methods"]["drift"];
  arm["method"] = "drift";
  arm["options"]["outer"] = "scalar-adam";
  arm["options"].erase("outer_optimizer");
  saved["methods"]["lora"]["options"]["lora_targets"] = "q,v";
  saved["methods"]["lora"]["options"].erase("lora_target_modules");
  CHECK_NOTHROW(check_same(to_json(same), saved, "runs/x"));
}

TEST_CASE("an option of a plan by both of its names is refused", "[compare]") {
  const auto both = [](std::vector<std::string> settings) { refuse_old_and_new(settings); };
  CHECK_THROWS_WITH(both({"zo_learning_rate=1", "theta-rate=2"}),
                    contains("set theta_rate") && contains("zo_learning_rate"));
  CHECK_THROWS_WITH(both({"a.b.batch=1", "a.b.batch_size=2"}), contains("set a.b.batch:"));
  CHECK_NOTHROW(both({"a.batch=1", "b.batch_size=2", "batch_size=3"}));
}

TEST_CASE("the command line that reproduces a plan has all of its fields, quoted for a shell", "[compare]") {
  PlanTexts t = texts();
  t.model = "my model's.gguf";
  t.settings = {"lora.lower_learning_rate=5e-4"};
  t.rows = "40";
  const std::string line = command_line(checked(t));
  CHECK(line ==
        "zofo compare --model 'my model'\\''s.gguf' --tasks sst2,rte --definitions tasks --methods "
        "bilevel,slow=lora,lora --seeds 0,7 --max-seconds 60 --max-eval-samples 40 --device cpu --threads 1 "
        "--set "
        "bilevel.curve_points=12 --set slow.curve_points=12 --set lora.curve_points=12 --set "
        "lora.lower_learning_rate=0.0005 --out FOLDER");
}
