#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "problem_calls.hpp"
#include "tiny_fixture.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/train/language_problem.hpp"
#include "zofo/train/run_task.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

std::vector<EncodedExample> labelled(const std::vector<int>& labels) {
  const auto options = std::make_shared<const OptionTokens>(OptionTokens{{{1}, {2}, {3}}});
  std::vector<EncodedExample> examples;
  for (const int label : labels) examples.push_back({{1, 2}, label, options});
  return examples;
}

std::vector<double> weights_of(const std::vector<EncodedExample>& examples) {
  std::vector<double> weights;
  for (const EncodedExample& example : examples) weights.push_back(example.weight);
  return weights;
}

}  // namespace

TEST_CASE("balanced weights are n / (k n_c), given ones are by class", "[train]") {
  data::Task task{"t", data::Template("{a}"), {" x", " y", " z"}, "l", {{"0", 0}, {"1", 1}, {"2", 2}}};
  std::vector<EncodedExample> examples = labelled({0, 0, 0, 1, 0, 1});
  set_class_weights(task, examples);
  CHECK(weights_of(examples) == std::vector<double>(6, 1.0));
  task.class_weights.values = {2.0, 0.5, 7.0};
  set_class_weights(task, examples);
  CHECK(weights_of(examples) == std::vector<double>{2, 2, 2, 0.5, 2, 0.5});
  // scikit-learn: compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1, 0, 1]) is [0.75, 1.5]
  task.class_weights = {{}, true};
  set_class_weights(task, examples);
  CHECK(weights_of(examples) == std::vector<double>{0.75, 0.75, 0.75, 1.5, 0.75, 1.5});
}

TEST_CASE("the weighted mean loss and its gradient have their closed forms", "[train]") {
  std::vector<EncodedExample> examples = labelled({0, 2});
  examples[0].weight = 3.0;
  examples[1].weight = 0.5;
  const std::vector<const EncodedExample*> packed{&examples[0], &examples[1]};
  const std::vector<double> scores{0.1, -0.4, 0.3, -1.0, 0.2, -0.7};
  std::vector<double> gradient(6, 0.0);
  const double loss = mean_loss(scores, packed, 2.0, gradient);
  double wanted = 0.0;
  for (std::size_t i = 0; i < 2; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < 3; ++j) sum += std::exp(scores[3 * i + j]);
    const auto label = static_cast<std::size_t>(examples[i].label);
    wanted += examples[i].weight * (std::log(sum) - scores[3 * i + label]) / 2.0;
    for (std::size_t j = 0; j < 3; ++j) {
      const double slope = std::exp(scores[3 * i + j]) / sum - (j == label ? 1.0 : 0.0);
      CHECK(gradient[3 * i + j] == Approx(2.0 * examples[i].weight * slope / 2.0).margin(1e-12));
    }
  }
  CHECK(loss == Approx(wanted));
}

TEST_CASE("class weights reach the loss of probes and the adapter's gradient", "[train]") {
  testing::TinyFixture files{"class_weights"};
  const Model model = files.model();
  data::TaskData data = files.data();
  const peft::Lora lora{model.parameters.config(), {4, 8.0F, {"q", "v"}}};
  model::Transformer transformer{model.parameters.config(), lora};
  std::vector<EncodedExample> all =
      encode_examples(ExampleEncoder(model, data.task, Purpose::training), data.train, 8, "train.jsonl");
  Eigen::VectorXf p(static_cast<Eigen::Index>(lora.size()));
  normals(Direction{3, 0, 0}, 0, 0, p.data(), lora.size());
  p *= 0.1F;
  constexpr BatchKey first{1, 0, 0}, second{1, 0, 1};
  const model::Parameters& theta = model.parameters;

  // The loss of each class by itself: the weighted loss is their combination.
  std::vector<double> by_class(2), counts(2);
  for (const int label : {0, 1}) {
    TaskExamples one;
    for (const EncodedExample& each : all)
      if (each.label == label) one.upper.push_back(each);
    REQUIRE_FALSE(one.upper.empty());
    LanguageProblem problem(transformer, {{{&one}}}, {.batch_size = 8});
    by_class[static_cast<std::size_t>(label)] = testing::loss(problem, theta, p, Level::upper, first);
    counts[static_cast<std::size_t>(label)] = static_cast<double>(one.upper.size());
  }
  data.task.class_weights.values = {4.0, 0.25};
  set_class_weights(data.task, all);
  const TaskExamples examples{all, all};
  LanguageProblem problem(transformer, {{{&examples}}}, {.batch_size = 8});
  const double loss = testing::loss(problem, theta, p, Level::upper, first);
  CHECK(loss == Approx((4.0 * counts[0] * by_class[0] + 0.25 * counts[1] * by_class[1]) / 8.0).epsilon(1e-5));

  Eigen::VectorXf gradient;
  const double value = testing::gradient(problem, theta, p, 1.0, 0.0, {first, second}, gradient);
  CHECK(value == Approx(loss).epsilon(1e-5));
  const Eigen::VectorXf along = gradient.normalized();
  const float step = 1e-2F;
  const auto at = [&](const Eigen::VectorXf& x) {
    return testing::loss(problem, theta, x, Level::upper, first);
  };
  CHECK((at(p + step * along) - at(p - step * along)) / (2.0 * step) ==
        Approx(gradient.norm()).epsilon(5e-3));
}

TEST_CASE("a run's examples have the weights, and only weights change the fingerprint", "[train]") {
  const testing::TinyFixture files{"class_weights"};
  const Model model = files.model();
  data::TaskData data = files.data();
  const RunOptions options;
  const RunTask plain = encode_task(model, data, options);
  data.task.class_weights.values = {1.0, 1.0};
  CHECK(hash_of_examples(encode_task(model, data, options).examples.upper) ==
        hash_of_examples(plain.examples.upper));
  data.task.class_weights.values = {1.0, 3.0};
  const RunTask weighted = encode_task(model, data, options);
  CHECK(hash_of_examples(weighted.examples.upper) != hash_of_examples(plain.examples.upper));
  for (const EncodedExample& each : weighted.examples.lower)
    CHECK(each.weight == (each.label == 1 ? 3.0 : 1.0));
  for (const EncodedExample& each : weighted.held_out) CHECK(each.weight == 1.0);
}

TEST_CASE("max_train_samples takes examples of every class", "[train]") {
  const testing::TinyFixture files{"class_weights"};
  const Model model = files.model();
  data::TaskData data = files.data();
  std::stable_sort(data.train.begin(), data.train.end(),
                   [](const data::Example& a, const data::Example& b) { return a.label < b.label; });
  RunOptions options;
  options.max_train_samples = 12;
  const RunTask task = encode_task(model, std::move(data), options);
  std::vector<std::size_t> counts(2);
  for (const auto* part : {&task.examples.upper, &task.examples.lower, &task.selection})
    for (const EncodedExample& each : *part) ++counts[static_cast<std::size_t>(each.label)];
  CHECK(counts == std::vector<std::size_t>{6, 6});
}
