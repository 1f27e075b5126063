#include "zofo/train/language_problem.hpp"

#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "problem_calls.hpp"
#include "tiny_fixture.hpp"
#include "zofo/lm/choice_loss.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/pack_examples.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

constexpr BatchKey batch_f{1, 0, 0};
constexpr BatchKey batch_g{1, 0, 1};

// A problem on the tiny model with the given option words and adapters away from their start.
struct Fixture {
  testing::TinyFixture files{"language_problem"};
  Model model = files.model();
  data::TaskData data = files.data();
  peft::Lora lora{model.parameters.config(), {4, 8.0F, {"q", "v", "o", "down"}}};
  model::Transformer transformer{model.parameters.config(), lora};
  TaskExamples examples;
  LanguageProblem problem;
  Eigen::VectorXf p = random(3);
  Eigen::VectorXf s = random(4);

  explicit Fixture(const std::vector<std::string>& words)
      : examples(split(words)), problem(transformer, {{{&examples}}}, {.batch_size = 4}) {}

  TaskExamples split(const std::vector<std::string>& words) {
    data.task.choices = words;
    const std::vector<EncodedExample> all =
        encode_examples(ExampleEncoder(model, data.task, Purpose::training), data.train, 0, "train.jsonl");
    return {{all.begin(), all.begin() + 8}, {all.begin() + 8, all.end()}};
  }
  double upper(const Eigen::VectorXf& x) {
    return testing::loss(problem, model.parameters, x, Level::upper, batch_f);
  }
  double lower(const Eigen::VectorXf& x) {
    return testing::loss(problem, model.parameters, x, Level::lower, batch_g);
  }
  double gradient(const Eigen::VectorXf& x, double f, double g, Eigen::VectorXf& out) {
    return testing::gradient(problem, model.parameters, x, f, g, {batch_f, batch_g}, out);
  }
  [[nodiscard]] std::uint64_t examples_read() const { return problem.work().examples; }
  Eigen::VectorXf random(std::uint64_t seed) const {
    Eigen::VectorXf x(static_cast<Eigen::Index>(lora.size()));
    normals(Direction{seed, 0, 0}, 0, 0, x.data(), lora.size());
    return 0.1F * x;
  }
};

}  // namespace

TEST_CASE("choice loss and its gradient are those of a softmax", "[train]") {
  // softmax(0, ln 3) = (1/4, 3/4)
  const std::vector<double> scores{0.0, std::log(3.0)};
  std::vector<double> slope(2);
  CHECK(choice_loss(scores, 0, slope) == Approx(std::log(4.0)));
  CHECK(slope[0] == Approx(-0.75));
  CHECK(slope[1] == Approx(0.75));
  CHECK(choice_loss(std::vector<double>{-1e4, 0.0}, 0) == Approx(1e4));
}

TEST_CASE("options of several tokens are packed one sequence each", "[train]") {
  const OptionTokens options{{{7, 8}, {9}}};
  model::Batch batch;
  pack_example(batch, {1, 2, 3}, options, 0);
  CHECK(batch.tokens == std::vector<std::int32_t>{1, 2, 3, 7, 1, 2, 3});
  REQUIRE(batch.targets.size() == 3);
  CHECK(batch.targets[0].position == 2);
  CHECK(batch.targets[0].token == 7);
  CHECK(batch.targets[1].position == 3);
  CHECK(batch.targets[1].token == 8);
  CHECK(batch.targets[2].sequence == 1);
  CHECK(batch.targets[2].token == 9);
  CHECK(option_scores(std::vector<double>{-1.0, -2.0, -4.0}, options) == std::vector<double>{-3.0, -4.0});
}

TEST_CASE("bad options and empty prompts are refused", "[train]") {
  CHECK_THROWS_AS((OptionTokens{{{1}}}.check()), Error);
  CHECK_THROWS_AS((OptionTokens{{{1}, {}}}.check()), Error);
  model::Batch batch;
  CHECK_THROWS_AS(pack_example(batch, {}, OptionTokens{{{1}, {2}}}, 0), Error);
}

TEST_CASE("gradients at two adapters in one pass are those of a pass each", "[train]") {
  Fixture f({"ab", "c"});
  Eigen::VectorXf of_s, of_p, alone_s, alone_p;
  GradientRequest<Eigen::VectorXf> both[] = {{&f.s, 0.0, 1.0, {{}, batch_g}, &of_s},
                                             {&f.p, 1.0, 10.0, {batch_f, batch_g}, &of_p}};
  f.problem.gradients(f.model.parameters, both);
  const std::uint64_t examples = f.examples_read();
  const double value_s = f.gradient(f.s, 0.0, 1.0, alone_s);
  const double value_p = f.gradient(f.p, 1.0, 10.0, alone_p);
  CHECK(f.examples_read() == 2 * examples);
  // fp32 sums in another order
  CHECK(both[0].value == Approx(value_s).epsilon(1e-5));
  CHECK(both[1].value == Approx(value_p).epsilon(1e-5));
  CHECK((of_s - alone_s).norm() < 1e-5F * alone_s.norm());
  CHECK((of_p - alone_p).norm() < 1e-5F * alone_p.norm());
}

TEST_CASE("gradient of F + λG in p agrees with central differences", "[train]") {
  const std::vector<std::vector<std::string>> cases{{" no", " yes"}, {"ab", "c"}};
  for (const auto& words : cases) {
    Fixture f(words);
    constexpr double lambda = 3.0;
    Eigen::VectorXf gradient;
    const double value = f.gradient(f.p, 1.0, lambda, gradient);
    const auto at = [&](const Eigen::VectorXf& p) { return f.upper(p) + lambda * f.lower(p); };
    CHECK(value == Approx(at(f.p)).epsilon(1e-5));
    // Along the gradient itself, where the derivative ‖g‖ is largest relative to fp32's rounding; and along a
    // random direction.
    const Eigen::VectorXf along = gradient.normalized();
    const float step = 1e-2F;
    const double slope = (at(f.p + step * along) - at(f.p - step * along)) / (2.0 * step);
    CHECK(slope == Approx(gradient.norm()).epsilon(5e-3));
    const Eigen::VectorXf any = f.random(9).normalized();
    const double other = (at(f.p + step * any) - at(f.p - step * any)) / (2.0 * step);
    CHECK(std::abs(other - gradient.dot(any)) < 5e-3 * gradient.norm());
  }
}

TEST_CASE("penalty terms at a probe are the losses at the moved backbone", "[train]") {
  Fixture f({" no", " yes"});
  const Direction z{5, 2, 0};
  const std::vector<Probe> probes{{z, 1e-2}, {z, -1e-2}, {z, 0.0}};
  const model::Parameters& theta = f.model.parameters;
  const BatchPair batches{batch_f, batch_g};
  const auto terms = testing::terms(f.problem, theta, Gaussian{}, probes, f.p, f.s, batches);
  const auto only_upper = testing::terms(f.problem, theta, Gaussian{}, probes, f.p, f.s, batches, false);
  for (std::size_t i = 0; i < probes.size(); ++i) {
    model::Parameters moved = theta.clone();
    if (probes[i].scale != 0.0) Gaussian{}.add(moved, z, probes[i].scale);
    const auto at = [&](const Eigen::VectorXf& x, Level level) {
      return testing::loss(f.problem, moved, x, level, level == Level::upper ? batch_f : batch_g);
    };
    CHECK(terms[i].upper == Approx(at(f.p, Level::upper)).epsilon(1e-4));
    CHECK(terms[i].lower_p == Approx(at(f.p, Level::lower)).epsilon(1e-4));
    CHECK(terms[i].lower_s == Approx(at(f.s, Level::lower)).epsilon(1e-4));
    CHECK(only_upper[i].upper == Approx(terms[i].upper).epsilon(1e-5));
  }
}

TEST_CASE("examples are counted once a forward and once a backward pass", "[train]") {
  Fixture f({" no", " yes"});
  Eigen::VectorXf gradient;
  f.gradient(f.s, 0.0, 1.0, gradient);
  CHECK(f.examples_read() == 8);
  f.gradient(f.p, 1.0, 1.0, gradient);
  CHECK(f.examples_read() == 24);
  const std::vector<Probe> probes{{{}, 1e-3}, {{}, -1e-3}};
  testing::terms(f.problem, f.model.parameters, Gaussian{}, probes, f.p, f.s, {batch_f, batch_g});
  CHECK(f.examples_read() == 48);
}
