#include "zofo/train/meta_problem.hpp"

#include <Eigen/Core>
#include <cstring>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "meta_fixture.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo;
using namespace zofo::llm;
using Task = BasicMetaTask<model::CpuBackend>;

namespace {

struct Fixture : testing::MetaFixture {
  peft::Lora lora{loaded.parameters.config(), {4, 8.0F, {"q", "v", "o", "down"}}};
  model::Transformer transformer{loaded.parameters.config(), lora};
  Work work;
  std::vector<MetaTaskData> data;
  std::vector<Eigen::VectorXf> p, s;

  Fixture() : MetaFixture("meta_problem") {
    MetaTrainOptions options;
    options.steps = 1;
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
  Task task(std::size_t i) { return Task(transformer, work, {{data[i].rows}, 4}); }
  const model::Parameters& theta() const { return loaded.parameters; }
};
BatchPair samples(std::uint64_t seed) { return {{seed, 3, 0}, {seed, 3, 1}}; }
// A packed pass rounds otherwise than one alone: fp32 sums of a few hundred terms, in losses near 1.
constexpr double rounding = 2e-5;

double largest(const Eigen::VectorXf& x) { return static_cast<double>(x.cwiseAbs().maxCoeff()); }
bool same_bits(const Eigen::VectorXf& a, const Eigen::VectorXf& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("probes of the packed mix give what each task gives alone", "[tune]") {
  Fixture f;
  std::vector<Task> list{f.task(0), f.task(1), f.task(2)};
  std::vector<JointPoint<Task>> points;
  for (std::size_t i = 0; i < 3; ++i) points.push_back({&list[i], &f.p[i], &f.s[i], samples(i)});
  const std::vector<Probe> probes{{{1, 0, 0}, 0.02}, {{1, 0, 0}, -0.02}, {{1, 0, 1}, 0.02}, {}};
  const auto mixed = Task::joint_terms(f.theta(), Gaussian{}, probes, 10.0, points);
  REQUIRE(mixed.size() == 3);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t probe = 0; probe < probes.size(); ++probe) {
      model::Parameters theta = f.theta().clone();
      if (probes[probe].scale != 0.0) Gaussian{}.add(theta, probes[probe].direction, probes[probe].scale);
      const auto& got = mixed[i].at(probe);
      CHECK(std::abs(got.upper - list[i].upper(theta, f.p[i], samples(i).upper)) < rounding);
      CHECK(std::abs(got.lower_p - list[i].lower(theta, f.p[i], samples(i).lower)) < rounding);
      CHECK(std::abs(got.lower_s - list[i].lower(theta, f.s[i], samples(i).lower)) < rounding);
    }
  // The probes differ by far more than that.
  CHECK(std::abs(mixed[0][0].upper - mixed[0][1].upper) > 100 * rounding);
  // λ = 0: F alone.
  const auto upper = Task::joint_terms(f.theta(), Gaussian{}, probes, 0.0, points);
  CHECK(std::abs(upper[2][1].upper - mixed[2][1].upper) < rounding);
  CHECK(std::isnan(upper[2][1].lower_p));
}

TEST_CASE("a task's gradient in a packed pass is its own", "[tune]") {
  Fixture f;
  std::vector<Task> list{f.task(0), f.task(1), f.task(2)};
  const auto together = [&](const std::vector<Eigen::VectorXf>& p) {
    std::vector<Eigen::VectorXf> gradients(3, Eigen::VectorXf::Zero(p[0].size()));
    std::vector<JointGradient<Task>> parts;
    for (std::size_t i = 0; i < 3; ++i)
      parts.push_back({&list[i], &p[i], 1.0, 10.0, samples(i), &gradients[i]});
    Task::joint_gradients(f.theta(), parts);
    return gradients;
  };
  const std::vector<Eigen::VectorXf> packed = together(f.p);
  for (std::size_t i = 0; i < 3; ++i) {
    Eigen::VectorXf alone = Eigen::VectorXf::Zero(f.p[i].size());
    list[i].penalty_gradient(f.theta(), f.p[i], 10.0, samples(i).upper, samples(i).lower, alone);
    REQUIRE(largest(alone) > 0.01);
    CHECK(largest(packed[i] - alone) < 1e-4 * largest(alone));
  }
  // Another adapter of one task changes no bit of the others' gradients, and its own.
  std::vector<Eigen::VectorXf> moved = f.p;
  moved[1] = f.random(99);
  const std::vector<Eigen::VectorXf> after = together(moved);
  CHECK(same_bits(after[0], packed[0]));
  CHECK(same_bits(after[2], packed[2]));
  CHECK(largest(after[1] - packed[1]) > 0.001);
}

TEST_CASE("tied tasks share the mean of their losses and gradients", "[tune]") {
  Fixture f;
  Task mixture(f.transformer, f.work, {{f.data[0].rows, f.data[1].rows}, 4});
  const BatchKey sample{7, 2, 1};
  double value = 0.0;
  Eigen::VectorXf mean = Eigen::VectorXf::Zero(f.p[0].size());
  for (std::size_t i = 0; i < 2; ++i) {
    Eigen::VectorXf one = mean;
    const BatchKey own{sample.seed + (i << 32U), sample.step, sample.stream};
    value += 0.5 * f.task(i).lower_gradient(f.theta(), f.p[0], own, one);
    if (i == 0)
      mean = 0.5F * one;
    else
      mean += 0.5F * one;
  }
  Eigen::VectorXf gradient = Eigen::VectorXf::Zero(mean.size());
  CHECK(std::abs(mixture.lower_gradient(f.theta(), f.p[0], sample, gradient) - value) < rounding);
  CHECK(largest(gradient - mean) < 1e-4 * largest(mean));
}

TEST_CASE("a task without rows or with a wrong batch is refused", "[tune]") {
  Fixture f;
  CHECK_THROWS_WITH(Task(f.transformer, f.work, {{}, 4}), contains("tasks: 0"));
  CHECK_THROWS_WITH(Task(f.transformer, f.work, {{TaskRows{}}, 4}), contains("training rows: 0"));
  CHECK_THROWS_WITH(Task(f.transformer, f.work, {{f.data[0].rows}, 0}), contains("batch = 0"));
}
