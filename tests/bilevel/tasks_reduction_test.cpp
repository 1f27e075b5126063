// Variance reduction over several tasks, compared with its formula on tasks whose losses are known.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/core/random.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/linear_meta_family.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/spider.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"

using Eigen::MatrixXd;
using namespace zofo;
using problems::LinearMetaTask;

namespace {

// A linear task; each mini-batch multiplies its losses by another number.
struct Sampled : LinearMetaTask {
  explicit Sampled(LinearMetaTask task) : LinearMetaTask(std::move(task)) {}

  static inline int calls_until_failure = -1;  // none

  static double weight(BatchKey sample) {
    double z = 0.0;
    normals({sample.seed, sample.step, 0}, sample.stream, 0, &z, 1);
    return 1.0 + 0.3 * z;
  }
  [[nodiscard]] double upper(const MatrixXd& W, const MatrixXd& A, BatchKey sample) const {
    if (calls_until_failure == 0) throw std::runtime_error("no loss");
    if (calls_until_failure > 0) --calls_until_failure;
    return weight(sample) * LinearMetaTask::upper(W, A);
  }
  [[nodiscard]] double lower(const MatrixXd& W, const MatrixXd& A, BatchKey sample) const {
    return weight(sample) * LinearMetaTask::lower(W, A);
  }
};

using MatrixPairs = std::vector<AdapterPair<MatrixXd>>;
constexpr std::uint64_t seed = 11;
constexpr double lambda = 5.0, epsilon = 1e-3, rate = 0.01;
constexpr std::uint32_t queries = 2;

struct Setting {
  std::vector<Sampled> tasks;
  MatrixXd theta = MatrixXd::Constant(3, 4, 0.5);
  MatrixPairs pairs;

  Setting() {
    const auto family = problems::linear_meta_family(
        {.inputs = 4, .outputs = 3, .rank = 2, .support = 6, .query = 8, .training = 4, .unseen = 0}, 3);
    for (const auto& made : family.training) {
      tasks.emplace_back(made.problem);
      pairs.push_back({MatrixXd::Constant(3, 2, 0.1), MatrixXd::Constant(3, 2, -0.1)});
    }
  }
  template <class Estimator>
  auto solver(Estimator estimator, std::uint32_t tasks_per_step = 2) {
    return Solver(tasks,
                  Policies{Gaussian{}, std::move(estimator), outer::Sgd{rate}, inner::Adam{.rate = 0.05}},
                  BilevelOptions{.outer_steps = 100,
                                 .inner_steps = 2,
                                 .penalty = lambda,
                                 .seed = seed,
                                 .tasks_per_step = tasks_per_step});
  }
};

// ρ/q of each query of `step` at (W, pairs): mean over the sampled tasks of the penalty, two-sided.
std::vector<double> coefficients(const std::vector<Sampled>& tasks, std::span<const std::size_t> sampled,
                                 const MatrixXd& W, const MatrixPairs& pairs, std::uint32_t step,
                                 std::uint32_t batch, bool large) {
  const auto loss = [&](const MatrixXd& at) {
    double sum = 0.0;
    for (const std::size_t t : sampled) {
      const std::uint64_t own = seed + (std::uint64_t{t} << 32U);
      const BatchKey f{own, batch,
                       stream_number(large ? BatchStream::large_upper : BatchStream::probe_upper)};
      const BatchKey g{own, batch,
                       stream_number(large ? BatchStream::large_lower : BatchStream::probe_lower)};
      sum += tasks[t].upper(at, pairs[t].upper, f) +
             lambda * (tasks[t].lower(at, pairs[t].upper, g) - tasks[t].lower(at, pairs[t].lower, g));
    }
    return sum / static_cast<double>(sampled.size());
  };
  std::vector<double> list;
  for (std::uint32_t query = 0; query < queries; ++query) {
    MatrixXd z = MatrixXd::Zero(W.rows(), W.cols());
    Gaussian{}.add(z, {seed, step, query}, 1.0);
    list.push_back((loss(W + epsilon * z) - loss(W - epsilon * z)) / (2 * epsilon) / queries);
  }
  return list;
}
// Losses near 100 have a relative error of 1e-13; divided by 2ε = 2e-3 it is 1e-8.
constexpr double rounding = 1e-8;

}  // namespace

TEST_CASE("SVRG over tasks is its formula: the sampled tasks at θ and at the anchor, with its adapters",
          "[bilevel]") {
  Setting s;
  constexpr std::uint32_t period = 3, batches = 4;
  auto solver = s.solver(
      variance::Svrg{.estimator = Central{epsilon, queries, seed}, .period = period, .batches = batches});
  MatrixXd anchor_theta;
  MatrixPairs anchor;
  std::vector<double> full;
  std::uint32_t anchor_step = 0, large = 0;
  for (std::uint32_t k = 0; k < 8; ++k) {
    INFO("step " << k);
    const MatrixXd before = s.theta;
    const auto terms = solver.step(s.theta, s.pairs).gradient.terms;
    // The adapters of the estimate are those after the step's inner round.
    std::vector<std::pair<std::uint32_t, double>> expected;
    if (k % period == 0) {
      full.assign(queries, 0.0);
      for (std::uint32_t i = 0; i < batches; ++i) {
        const auto one = coefficients(s.tasks, solver.sampled(), before, s.pairs, k, large++, true);
        for (std::uint32_t j = 0; j < queries; ++j) full[j] += one[j] / batches;
      }
      anchor_step = k;
      anchor_theta = before;
      anchor = s.pairs;
    } else {
      const auto here = coefficients(s.tasks, solver.sampled(), before, s.pairs, k, k, false);
      const auto there = coefficients(s.tasks, solver.sampled(), anchor_theta, anchor, k, k, false);
      for (std::uint32_t j = 0; j < queries; ++j) expected.emplace_back(k, here[j] - there[j]);
    }
    for (const double c : full) expected.emplace_back(anchor_step, c);
    REQUIRE(terms.size() == expected.size());
    MatrixXd after = before;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const auto query = static_cast<std::uint32_t>(i % queries);
      CHECK(terms[i].direction == Direction{seed, expected[i].first, query});
      CHECK(std::abs(terms[i].coefficient - expected[i].second) < rounding);
      Gaussian{}.add(after, terms[i].direction, -rate * terms[i].coefficient);
    }
    CHECK((after - s.theta).cwiseAbs().maxCoeff() < 1e-14);
  }
}

TEST_CASE("no reduction over tasks is the estimator by itself, to the bit", "[bilevel]") {
  Setting a, b;
  auto plain = a.solver(Central{epsilon, queries, seed});
  auto none = b.solver(variance::None(Central{epsilon, queries, seed}));
  plain.solve(a.theta, a.pairs);
  none.solve(b.theta, b.pairs);
  CHECK(a.theta == b.theta);
  CHECK(a.pairs[1].upper == b.pairs[1].upper);
}

TEST_CASE("one task with a reduction equals the solver of one problem", "[bilevel]") {
  Setting a, b;
  a.tasks.erase(a.tasks.begin() + 1, a.tasks.end());
  a.pairs.resize(1);
  const auto check = [&](auto reduction) {
    MatrixXd theta = b.theta;
    AdapterPair<MatrixXd> pair = b.pairs[0];
    Solver alone(b.tasks[0], Policies{Gaussian{}, reduction, outer::Sgd{rate}, inner::Adam{.rate = 0.05}},
                 BilevelOptions{.outer_steps = 20, .inner_steps = 2, .penalty = lambda, .seed = seed});
    alone.solve(theta, pair);
    a.theta = b.theta;
    a.pairs[0] = b.pairs[0];
    auto solver = a.solver(reduction, 0);
    for (int k = 0; k < 20; ++k) solver.step(a.theta, a.pairs);
    CHECK((a.theta - theta).cwiseAbs().maxCoeff() < 1e-10);
    CHECK((theta - b.theta).cwiseAbs().maxCoeff() > 1e-3);
  };
  const Central central{epsilon, queries, seed};
  check(variance::Svrg{.estimator = central, .period = 5, .batches = 3});
  check(variance::Spider{.estimator = central, .period = 5, .batches = 3});
  check(variance::Storm{.estimator = central, .weight = 0.3});
}

TEST_CASE("a loss that throws leaves θ, adapters, moments and the reduction as they were", "[bilevel]") {
  const auto check = [](auto reduction) {
    Setting whole, broken;
    auto good = whole.solver(reduction);
    auto bad = broken.solver(reduction);
    for (int k = 0; k < 7; ++k) {
      good.step(whole.theta, whole.pairs);
      // A step evaluates at least 8 losses of F: at two probes, two queries, two tasks.
      for (const int after : {0, 3, 7}) {
        const MatrixXd theta = broken.theta;
        const MatrixPairs pairs = broken.pairs;
        Sampled::calls_until_failure = after;
        CHECK_THROWS_AS(bad.step(broken.theta, broken.pairs), std::runtime_error);
        Sampled::calls_until_failure = -1;
        CHECK(broken.theta == theta);
        for (std::size_t t = 0; t < pairs.size(); ++t) {
          CHECK(broken.pairs[t].upper == pairs[t].upper);
          CHECK(broken.pairs[t].lower == pairs[t].lower);
        }
      }
      bad.step(broken.theta, broken.pairs);
      REQUIRE(broken.theta == whole.theta);
    }
  };
  const Central central{epsilon, queries, seed};
  check(variance::Svrg{.estimator = central, .period = 3, .batches = 2});
  check(variance::Spider{.estimator = central, .period = 3, .batches = 2});
  check(variance::Storm{.estimator = central, .weight = 0.3});
}
