// Several tasks in one problem, and mixtures of tasks that share their adapters.
#include <Eigen/Core>
#include <cmath>
#include <cstring>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "problem_calls.hpp"
#include "tasks_fixture.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/train/language_problem.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

struct MixtureFixture : testing::TasksFixture {
  peft::Lora lora{loaded.parameters.config(), {4, 8.0F, {"q", "v", "o", "down"}}};
  model::Transformer transformer{loaded.parameters.config(), lora};
  std::vector<RunTask> data;
  std::vector<Eigen::VectorXf> p, s;

  MixtureFixture() : TasksFixture("task_mixture") {
    RunOptions options = defaults(Command::meta_train);
    options.max_steps = 1;
    data = tasks(options);
    for (std::uint64_t i = 0; i < data.size(); ++i) {
      p.push_back(random(2 * i));
      s.push_back(random(2 * i + 1));
    }
  }
  Eigen::VectorXf random(std::uint64_t seed) const {
    Eigen::VectorXf x(static_cast<Eigen::Index>(lora.size()));
    normals(Direction{seed + 5, 0, 0}, 0, 0, x.data(), lora.size());
    return 0.1F * x;
  }
  LanguageProblem problem(std::vector<LanguageProblem::Task> list) {
    return {transformer, std::move(list), {.batch_size = 4}};
  }
  // All three tasks, and one of them.
  LanguageProblem all() {
    return problem({{{&data[0].examples}}, {{&data[1].examples}}, {{&data[2].examples}}});
  }
  LanguageProblem one(std::size_t i) { return problem({{{&data[i].examples}}}); }
  const model::Parameters& theta() const { return loaded.parameters; }
};
// Mini-batches of a task in a problem of several, and the same ones in a problem of its own.
BatchPair of_task(std::size_t task) {
  const auto number = static_cast<std::uint32_t>(task);
  return {{7, 3, 0, number}, {7, 3, 1, number}};
}
BatchPair of_its_own(std::size_t task) {
  const auto key = [](const BatchKey& k) { return BatchKey{task_seed(k), k.step, k.stream}; };
  return {key(of_task(task).upper), key(of_task(task).lower)};
}
// A packed pass rounds otherwise than one of a single task: fp32 sums of a few hundred terms, in losses
// near 1.
constexpr double rounding = 2e-5;

double largest(const Eigen::VectorXf& x) { return static_cast<double>(x.cwiseAbs().maxCoeff()); }
bool same_bits(const Eigen::VectorXf& a, const Eigen::VectorXf& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("losses of several tasks in one call are those that each task has in a problem of its own",
          "[train]") {
  MixtureFixture f;
  LanguageProblem all = f.all();
  CHECK(all.num_tasks() == 3);
  std::vector<LossRequest<Eigen::VectorXf>> requests;
  for (std::size_t i = 0; i < 3; ++i) {
    requests.push_back({Level::upper, &f.p[i], of_task(i).upper});
    requests.push_back({Level::lower, &f.p[i], of_task(i).lower});
    requests.push_back({Level::lower, &f.s[i], of_task(i).lower});
  }
  const std::vector<Probe> probes{{{1, 0, 0}, 0.02}, {{1, 0, 0}, -0.02}, {{1, 0, 1}, 0.02}, {}};
  std::vector<double> mixed(probes.size() * requests.size());
  all.losses(f.theta(), Gaussian{}, probes, requests, mixed);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t probe = 0; probe < probes.size(); ++probe) {
      model::Parameters theta = f.theta().clone();
      if (probes[probe].scale != 0.0) Gaussian{}.add(theta, probes[probe].direction, probes[probe].scale);
      LanguageProblem own = f.one(i);
      const double* const got = &mixed[probe * requests.size() + 3 * i];
      const BatchPair batches = of_its_own(i);
      CHECK(std::abs(got[0] - testing::loss(own, theta, f.p[i], Level::upper, batches.upper)) < rounding);
      CHECK(std::abs(got[1] - testing::loss(own, theta, f.p[i], Level::lower, batches.lower)) < rounding);
      CHECK(std::abs(got[2] - testing::loss(own, theta, f.s[i], Level::lower, batches.lower)) < rounding);
    }
  // The probes differ by far more than that.
  CHECK(std::abs(mixed[0] - mixed[requests.size()]) > 100 * rounding);
  // λ = 0: requests of F only.
  const LossRequest<Eigen::VectorXf> upper{Level::upper, &f.p[2], of_task(2).upper};
  std::vector<double> only(probes.size());
  all.losses(f.theta(), Gaussian{}, probes, std::span(&upper, 1), only);
  CHECK(std::abs(only[1] - mixed[requests.size() + 6]) < rounding);
}

TEST_CASE("a task's gradient in a packed pass is its own", "[train]") {
  MixtureFixture f;
  LanguageProblem all = f.all();
  const auto together = [&](const std::vector<Eigen::VectorXf>& p) {
    std::vector<Eigen::VectorXf> gradients(3, Eigen::VectorXf::Zero(p[0].size()));
    std::vector<GradientRequest<Eigen::VectorXf>> requests;
    for (std::size_t i = 0; i < 3; ++i) requests.push_back({&p[i], 1.0, 10.0, of_task(i), &gradients[i]});
    all.gradients(f.theta(), requests);
    return gradients;
  };
  const std::vector<Eigen::VectorXf> packed = together(f.p);
  for (std::size_t i = 0; i < 3; ++i) {
    Eigen::VectorXf alone = Eigen::VectorXf::Zero(f.p[i].size());
    LanguageProblem own = f.one(i);
    testing::gradient(own, f.theta(), f.p[i], 1.0, 10.0, of_its_own(i), alone);
    REQUIRE(largest(alone) > 0.01);
    CHECK(largest(packed[i] - alone) < 1e-4 * largest(alone));
  }
  // Another adapter of one task changes no bit of the others' gradients, and its own.
  std::vector<Eigen::VectorXf> other = f.p;
  other[1] = f.random(99);
  const std::vector<Eigen::VectorXf> after = together(other);
  CHECK(same_bits(after[0], packed[0]));
  CHECK(same_bits(after[2], packed[2]));
  CHECK(largest(after[1] - packed[1]) > 0.001);
}

TEST_CASE("tied tasks share the mean of their losses and gradients", "[train]") {
  MixtureFixture f;
  LanguageProblem mixture = f.problem({{{&f.data[0].examples, &f.data[1].examples}}});
  CHECK(mixture.num_tasks() == 1);
  const BatchKey batch{7, 2, 1};
  double value = 0.0;
  Eigen::VectorXf mean = Eigen::VectorXf::Zero(f.p[0].size());
  for (std::size_t i = 0; i < 2; ++i) {
    Eigen::VectorXf one = mean;
    const BatchKey own{batch.seed + (i << 32U), batch.step, batch.stream};
    LanguageProblem problem = f.one(i);
    value += 0.5 * testing::gradient(problem, f.theta(), f.p[0], 0.0, 1.0, {{}, own}, one);
    if (i == 0)
      mean = 0.5F * one;
    else
      mean += 0.5F * one;
  }
  Eigen::VectorXf gradient = Eigen::VectorXf::Zero(mean.size());
  CHECK(std::abs(testing::gradient(mixture, f.theta(), f.p[0], 0.0, 1.0, {{}, batch}, gradient) - value) <
        rounding);
  CHECK(largest(gradient - mean) < 1e-4 * largest(mean));
}

TEST_CASE("a task with a seed of its own has the mini-batches of that seed", "[train]") {
  MixtureFixture f;
  LanguageProblem seeded = f.problem({{.sets = {&f.data[1].examples}, .seed = 11}});
  LanguageProblem plain = f.one(1);
  const auto at = [&](LanguageProblem& problem, std::uint64_t seed) {
    return testing::loss(problem, f.theta(), f.p[0], Level::lower, {seed, 2, 1});
  };
  CHECK(at(seeded, 5) == at(plain, 11));
  CHECK(at(seeded, 6) == at(plain, 11));
  CHECK(at(plain, 5) != at(plain, 11));
}

TEST_CASE("a task without examples or with a wrong batch is refused", "[train]") {
  MixtureFixture f;
  const TaskExamples none;
  const auto make = [&](std::vector<LanguageProblem::Task> list, BatchOptions options) {
    LanguageProblem(f.transformer, std::move(list), options);
  };
  CHECK_THROWS_WITH(make({}, {}), contains("tasks: 0"));
  CHECK_THROWS_WITH(make({{}}, {}), contains("tasks: 0"));
  CHECK_THROWS_WITH(make({{{&none}}}, {}), contains("training examples: 0"));
  CHECK_THROWS_WITH(make({{{&f.data[0].examples}}}, {.batch_size = 0}), contains("batch_size = 0"));
  CHECK_THROWS_WITH(make({{{&f.data[0].examples}}}, {.pieces = 0}),
                    contains("gradient_accumulation_steps = 0"));
}
