#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "variance/finite_sum.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/estimate/one_point_residual.hpp"
#include "zofo/estimate/random_sign.hpp"
#include "zofo/estimate/std_normalized.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/spider.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"

using Eigen::VectorXd;
using zofo::Central;
using zofo::RandomSign;
using zofo::StdNormalized;
using zofo::ZoGradient;
namespace variance = zofo::variance;

static_assert(zofo::variance::VarianceReduction<variance::None<Central>> &&
              zofo::variance::VarianceReduction<variance::Svrg<Central>> &&
              zofo::variance::VarianceReduction<variance::Spider<Central>> &&
              zofo::variance::VarianceReduction<variance::Storm<Central>>);
static_assert(!zofo::variance::VarianceReduction<Central> && zofo::variance::ProbeEvaluator<SumEvaluator>);

namespace {
constexpr Eigen::Index kD = 5;
const FiniteSum kSum(8, kD);
const Central kCentral{0.1, 2, 3};
VectorXd point(double shift) { return VectorXd::LinSpaced(kD, -1.0, 1.0).array() + shift; }
// ĝ of all eight rows in the directions of one step: what a large batch of eight is.
VectorXd full_by_hand(const VectorXd& x, std::uint32_t step) {
  VectorXd g = VectorXd::Zero(kD);
  for (std::size_t i = 0; i < 8; ++i) g += by_hand(kSum, i, x, 3, step, 2) / 8.0;
  return g;
}
VectorXd step_by_hand(const VectorXd& x, std::uint32_t step) {
  return by_hand(kSum, kSum.row({.number = step}), x, 3, step, 2);
}
// The estimate of a quadratic is exact up to the rounding of losses of about 10, divided by ε: 1e-13.
constexpr double kRounding = 1e-12;
}  // namespace

TEST_CASE("no reduction gives the estimator's own estimate", "[reduce]") {
  const variance::None none{kCentral};
  variance::None<Central>::State state;
  SumEvaluator evaluator{kSum, point(0.0)};
  ZoGradient estimate;
  none.estimate(4, evaluator, state, estimate);
  CHECK((dense(estimate, kD) - step_by_hand(point(0.0), 4)).norm() < kRounding);
  CHECK(evaluator.requested_here == 4);
}

TEST_CASE("SVRG is ĝ(θ) − ĝ(θ̃) + the full one, as calculated by hand", "[reduce]") {
  const variance::Svrg svrg{.estimator = kCentral, .period = 4, .batches = 8};
  variance::Svrg<Central>::State state;
  SumEvaluator evaluator{kSum, point(0.0)};
  ZoGradient estimate;
  svrg.estimate(0, evaluator, state, estimate);
  CHECK((dense(estimate, kD) - full_by_hand(point(0.0), 0)).norm() < kRounding);
  for (std::uint32_t k = 1; k < 4; ++k) {
    evaluator.theta = point(0.1 * k);
    svrg.estimate(k, evaluator, state, estimate);
    const VectorXd expected =
        step_by_hand(evaluator.theta, k) - step_by_hand(point(0.0), k) + full_by_hand(point(0.0), 0);
    CHECK((dense(estimate, kD) - expected).norm() < kRounding);
  }
  CHECK(evaluator.requested_here == 8 * 4 + 3 * 4);
  CHECK(evaluator.requested_at_anchor == 3 * 4);
  svrg.estimate(4, evaluator, state, estimate);  // the anchor moves
  CHECK((dense(estimate, kD) - full_by_hand(evaluator.theta, 4)).norm() < kRounding);
  CHECK(evaluator.anchor == evaluator.theta);
}

TEST_CASE("E7: what SVRG's mini-batch and directions add grows as the distance from the anchor", "[reduce]") {
  const variance::Svrg svrg{.estimator = kCentral, .period = 1000, .batches = 8};
  const auto added = [&](double distance, std::uint32_t k) {
    variance::Svrg<Central>::State state;
    SumEvaluator evaluator{kSum, point(0.0)};
    ZoGradient estimate;
    svrg.estimate(0, evaluator, state, estimate);
    const VectorXd full = dense(estimate, kD);
    evaluator.theta = point(distance);
    svrg.estimate(k, evaluator, state, estimate);
    return VectorXd(dense(estimate, kD) - full);
  };
  for (std::uint32_t k = 1; k < 20; ++k) {
    CHECK(added(0.0, k).norm() < kRounding);
    CHECK((added(2.0, k) - 20.0 * added(0.1, k)).norm() < 1e-10 * (1.0 + added(2.0, k).norm()));
  }
}

TEST_CASE("SPIDER adds differences along the path", "[reduce]") {
  const variance::Spider spider{.estimator = kCentral, .period = 5, .batches = 8};
  variance::Spider<Central>::State state;
  SumEvaluator evaluator{kSum, point(0.0)};
  ZoGradient estimate;
  VectorXd running, last;
  for (std::uint32_t k = 0; k < 12; ++k) {
    evaluator.theta = point(0.1 * k * k);
    spider.estimate(k, evaluator, state, estimate);
    if (k % 5 == 0)
      running = full_by_hand(evaluator.theta, k);
    else
      running += step_by_hand(evaluator.theta, k) - step_by_hand(last, k);
    last = evaluator.theta;
    CHECK((dense(estimate, kD) - running).norm() < 10 * kRounding);
    CHECK(estimate.terms.size() == 2 * (k % 5 + 1));
  }
}

TEST_CASE("STORM is its recursion, removes terms below rounding, and with weight 1 is the plain estimate",
          "[reduce]") {
  const double weight = GENERATE(0.5, 1.0);
  const variance::Storm storm{.estimator = kCentral, .weight = weight};
  variance::Storm<Central>::State state;
  SumEvaluator evaluator{kSum, point(0.0)};
  ZoGradient estimate;
  VectorXd running = VectorXd::Zero(kD), last;
  for (std::uint32_t k = 0; k < 80; ++k) {
    evaluator.theta = point(std::sin(0.3 * k));
    storm.estimate(k, evaluator, state, estimate);
    const VectorXd now = step_by_hand(evaluator.theta, k);
    running = k == 0 ? now : VectorXd(now + (1.0 - weight) * (running - step_by_hand(last, k)));
    last = evaluator.theta;
    REQUIRE((dense(estimate, kD) - running).norm() < 10 * kRounding);
  }
  CHECK(estimate.terms.size() == (weight == 1.0 ? 2U : 2U * 54U));  // 0.5^53 is the last one kept
}

TEST_CASE("options of reductions out of range are named", "[reduce]") {
  CHECK_THROWS_WITH((variance::Svrg{.estimator = kCentral, .period = 0}.check()), contains("period = 0"));
  CHECK_THROWS_WITH((variance::Spider{.estimator = kCentral, .batches = 0}.check()), contains("batches = 0"));
  CHECK_THROWS_WITH((variance::Storm{.estimator = kCentral, .weight = 0.0}.check()), contains("weight = 0"));
  CHECK_THROWS_WITH((variance::Storm{.estimator = kCentral, .weight = std::nan("")}.check()),
                    contains("weight = nan"));
  CHECK_THROWS_WITH((variance::None{Central{-1.0, 1, 0}}.check()), contains("epsilon = -1"));
}

TEST_CASE(
    "a reduction checks the estimators that it wraps, also those that check more than the shared options",
    "[reduce]") {
  const StdNormalized one{.queries = 1};
  const RandomSign wrapped{one};
  CHECK_THROWS_WITH(variance::None{one}.check(), contains("queries = 1"));
  CHECK_THROWS_WITH(variance::None{wrapped}.check(), contains("queries = 1"));
  CHECK_THROWS_WITH((variance::Svrg{.estimator = one}.check()), contains("queries = 1"));
  CHECK_THROWS_WITH((variance::Svrg{.estimator = StdNormalized{}, .full = one}.check()),
                    contains("queries = 1"));
  CHECK_THROWS_WITH((variance::Spider{.estimator = wrapped}.check()), contains("queries = 1"));
  CHECK_THROWS_WITH((variance::Spider{.estimator = StdNormalized{}, .full = one}.check()),
                    contains("queries = 1"));
  CHECK_THROWS_WITH((variance::Storm{.estimator = wrapped}.check()), contains("queries = 1"));
  CHECK_THROWS_WITH(variance::None{zofo::OnePointResidual{.queries = 0}}.check(), contains("queries = 0"));
}

TEST_CASE("a reduction passes the solver's seed to the estimators that have none", "[reduce]") {
  variance::Svrg svrg{.estimator = Central{}, .full = Central{.seed = 5}};
  zofo::adopt_seed(svrg, 9);
  CHECK(svrg.estimator.seed == 9U);
  CHECK(svrg.full->seed == 5U);
  variance::Storm storm{.estimator = RandomSign{Central{}}};
  zofo::adopt_seed(storm, 9);
  CHECK((storm.estimator.seed == 9U && storm.estimator.estimator.seed == 9U));
  variance::None none{zofo::OnePointResidual{}};
  zofo::adopt_seed(none, 9);
  CHECK(none.estimator.seed == 9U);
  zofo::adopt_seed(none, 10);
  CHECK(none.estimator.seed == 9U);
}

TEST_CASE("without a reduction a stateful estimator's state passes through", "[reduce]") {
  const zofo::OnePointResidual residual{0.1, 2, 3};
  const variance::None none{residual};
  variance::None<zofo::OnePointResidual>::State state;
  zofo::OnePointResidual::State own;
  SumEvaluator evaluator{kSum, point(0.0)};
  std::vector<zofo::Probe> probes;
  ZoGradient estimate, expected;
  for (std::uint32_t k = 0; k < 4; ++k) {
    none.estimate(k, evaluator, state, estimate);
    residual.probes(k, own, probes);
    residual.combine(k, evaluator.here(probes, {.number = k}), own, expected);
    CHECK(estimate == expected);
  }
}
