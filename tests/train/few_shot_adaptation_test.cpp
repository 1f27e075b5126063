#include "zofo/train/few_shot_adaptation.hpp"

#include <cmath>
#include <set>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "tasks_fixture.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

struct FewShotFixture : testing::TasksFixture {
  CpuDevice device;
  peft::Lora lora{loaded.parameters.config(), {4, 8.0F, {"q", "v"}}};
  model::Transformer transformer{loaded.parameters.config(), lora};
  data::TaskData data = load_choice_tasks(paths(), 0).at(1);
  Adaptation<CpuDevice> adaptation{device, loaded, transformer, loaded.parameters, data, 0};

  FewShotFixture() : TasksFixture("adaptation") {}
};
AdaptOptions adapt_options(std::uint32_t seeds, std::uint64_t seed) {
  AdaptOptions o;
  o.max_steps = 15;
  o.learning_rate = 0.02;
  o.batch_size = 4;
  o.num_seeds = seeds;
  o.seed = seed;
  return o;
}

}  // namespace

TEST_CASE("subsets trained together are those trained one by one", "[train]") {
  FewShotFixture f;
  const auto together = f.adaptation.fit(f.lora, {}, {2, true}, adapt_options(3, 5));
  REQUIRE(together.size() == 3);
  for (std::uint64_t d = 0; d < 3; ++d) {
    const auto alone = f.adaptation.fit(f.lora, {}, {2, true}, adapt_options(1, 5 + d));
    CHECK(together[d].seed == 5 + d);
    CHECK(together[d].examples == 6);
    // Rounding differs between passes; Adam turns it into a part of a step of 0.02 where gradients are small.
    CHECK((together[d].adapter - alone[0].adapter).norm() <
          0.01F * (alone[0].adapter - f.lora.initial(5 + d)).norm());
    CHECK(together[d].scores.loss == Approx(alone[0].scores.loss).epsilon(1e-3));
  }
  CHECK(together[0].adapter != together[1].adapter);
}

TEST_CASE("adaptation fits its examples and leaves the backbone unchanged", "[train]") {
  FewShotFixture f;
  const std::vector<float> before(f.loaded.parameters.values().begin(), f.loaded.parameters.values().end());
  AdaptOptions few = adapt_options(1, 0), many = adapt_options(1, 0);
  few.max_steps = 1;
  many.max_steps = 60;
  const double start = f.adaptation.fit(f.lora, {}, {4, true}, few)[0].training_loss;
  const auto end = f.adaptation.fit(f.lora, {}, {4, true}, many);
  CHECK(end[0].training_loss < 0.5 * start);
  CHECK(std::ranges::equal(f.loaded.parameters.values(), before));
  // From where it ended, it starts lower.
  CHECK(f.adaptation.fit(f.lora, end[0].adapter, {4, true}, few)[0].training_loss < 0.6 * start);
}

TEST_CASE("examples are sampled by class or in all, determined by the seed", "[train]") {
  FewShotFixture f;
  const auto chosen = sample_examples(f.data, {3, true}, 8);
  CHECK(chosen == sample_examples(f.data, {3, true}, 8));
  CHECK(chosen != sample_examples(f.data, {3, true}, 9));
  std::vector<int> classes(3);
  for (const std::size_t i : chosen) ++classes[static_cast<std::size_t>(f.data.train[i].label)];
  CHECK(classes == std::vector<int>{3, 3, 3});
  const auto five = sample_examples(f.data, {5, false}, 8);
  CHECK(std::set<std::size_t>(five.begin(), five.end()).size() == 5);
  CHECK_THROWS_WITH(sample_examples(f.data, {13, true}, 8), contains("has 12 training examples"));
  CHECK_THROWS_WITH(sample_examples(f.data, {0, true}, 8), contains("shots = 0"));
  CHECK_THROWS_WITH(sample_examples(f.data, {37, false}, 8), contains("examples = 37"));
  std::erase_if(f.data.train, [](const data::Example& example) { return example.label == 1; });
  CHECK_THROWS_WITH(sample_examples(f.data, {1, true}, 8),
                    contains("class 1 (' river') has 0 training examples"));
}

TEST_CASE("in-context learning uses the subset's examples", "[train]") {
  FewShotFixture f;
  const auto results = f.adaptation.in_context({1, true}, adapt_options(2, 3));
  REQUIRE(results.size() == 2);
  CHECK(results[0].examples == 3);
  CHECK(results[0].scores.examples == 12);
  // The same by hand.
  std::vector<std::string> shown;
  for (const std::size_t i : sample_examples(f.data, {1, true}, 4))
    shown.push_back(data::demonstration_text(f.data.task, f.data.train[i]));
  const auto examples = encode_examples(ExampleEncoder(f.loaded, f.data.task, Purpose::scoring, shown),
                                        f.data.validation, 0, "validation.jsonl");
  CHECK(results[1].scores.loss ==
        evaluate<model::CpuBackend>(f.transformer, f.loaded.parameters, nullptr, examples).loss);
}
