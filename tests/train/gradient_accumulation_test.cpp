// A batch that is computed in pieces next to the same examples in one pass.
#include <span>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "problem_calls.hpp"
#include "tiny_fixture.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/runtime/any_perturbation.hpp"
#include "zofo/train/language_problem.hpp"

using namespace zofo;
using namespace zofo::llm;

TEST_CASE("pieces of a batch have the mean and the gradient of the whole", "[train]") {
  const testing::TinyFixture files("accumulated");
  Model model = files.model();
  const data::TaskData data = files.data();
  const auto all =
      encode_examples(ExampleEncoder(model, data.task, Purpose::training), data.train, 0, "train.jsonl");
  const TaskExamples examples{{all.begin(), all.begin() + 12}, {all.begin() + 12, all.end()}};
  const peft::Lora lora(model.parameters.config(), {.rank = 2, .alpha = 4.0F});
  model::Transformer transformer(model.parameters.config(), lora);
  const auto problem = [&](std::size_t batch, std::uint32_t pieces) {
    return LanguageProblem(transformer, {{{&examples}}}, {.batch_size = batch, .pieces = pieces});
  };
  LanguageProblem pieces = problem(2, 3);
  LanguageProblem whole = problem(6, 1);
  const model::Parameters& theta = model.parameters;
  Eigen::VectorXf p = lora.initial(1), s = lora.initial(2);
  p.array() += 0.01F;  // B, which starts at 0, takes part
  const AnyPerturbation z{Gaussian{}};
  const Probe probes[] = {{{1, 0, 0}, 1e-3}, {{1, 0, 0}, -1e-3}};

  for (std::uint32_t step = 0; step < 5; ++step) {  // 5 · 6 examples: across the borders of epochs
    INFO("step " << step);
    const BatchKey f{4, step, 0}, g{4, step, 1};
    // fp32 sums in another order: a few units in the last place of the terms.
    const auto close = [](double a, double b) { CHECK(a == Approx(b).epsilon(1e-5)); };
    for (const Level level : {Level::upper, Level::lower}) {
      const BatchKey& key = level == Level::upper ? f : g;
      close(testing::loss(pieces, theta, p, level, key), testing::loss(whole, theta, p, level, key));
    }
    Eigen::VectorXf a(p.size()), b(p.size());
    for (const auto& [upper, lower] : {std::pair(0.0, 1.0), std::pair(1.0, 0.0), std::pair(1.0, 3.0)}) {
      close(testing::gradient(pieces, theta, p, upper, lower, {f, g}, a),
            testing::gradient(whole, theta, p, upper, lower, {f, g}, b));
      CHECK((a - b).norm() < 1e-5 * b.norm());
    }
    Eigen::VectorXf a_s(p.size()), b_s(p.size());
    const auto joint = [&](LanguageProblem& requested, Eigen::VectorXf& at_p, Eigen::VectorXf& at_s) {
      std::vector<GradientRequest<Eigen::VectorXf>> both{{&p, 1.0, 3.0, {f, g}, &at_p},
                                                         {&s, 0.0, 1.0, {{}, g}, &at_s}};
      requested.gradients(theta, both);
      return std::pair(both[0].value, both[1].value);
    };
    const auto by_pieces = joint(pieces, a, a_s);
    const auto by_whole = joint(whole, b, b_s);
    close(by_pieces.first, by_whole.first);
    close(by_pieces.second, by_whole.second);
    CHECK((a - b).norm() < 1e-5 * b.norm());
    CHECK((a_s - b_s).norm() < 1e-5 * b_s.norm());
    const auto in_pieces = testing::terms(pieces, theta, z, probes, p, s, {f, g});
    const auto at_once = testing::terms(whole, theta, z, probes, p, s, {f, g});
    const auto values = testing::terms(pieces, theta, z, probes, p, s, {f, g}, false);
    const auto values_at_once = testing::terms(whole, theta, z, probes, p, s, {f, g}, false);
    for (std::size_t i = 0; i < 2; ++i) {
      close(in_pieces[i].upper, at_once[i].upper);
      close(in_pieces[i].lower_p, at_once[i].lower_p);
      close(in_pieces[i].lower_s, at_once[i].lower_s);
      close(values[i].upper, values_at_once[i].upper);
    }
  }
  CHECK(pieces.work().examples == whole.work().examples);
  CHECK_THROWS_AS(problem(2, 0), Error);
  CHECK_THROWS_AS(testing::loss(pieces, theta, p, Level::upper, {4, 2'000'000'000, 0}), Error);
}
