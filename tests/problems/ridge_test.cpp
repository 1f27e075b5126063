#include "zofo/problems/ridge.hpp"

#include <Eigen/Core>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"

using Eigen::VectorXd;
using zofo::problems::PenaltyGroups;
using zofo::problems::RealRows;
using zofo::problems::Ridge;
static_assert(zofo::problems::AnalyticProblem<Ridge> && zofo::HasExactInner<Ridge> &&
              zofo::HasHypergradient<Ridge> && zofo::HasSecondOrder<Ridge>);

namespace {
RealRows ridge_rows(Eigen::Index n, Eigen::Index f) {
  return {Eigen::MatrixXd::Ones(n, f), VectorXd::Zero(n)};
}
}  // namespace

TEST_CASE("ridge: closed forms agree with the reference", "[problems]") {
  const Ridge each = zofo::problems::random_ridge({}, 3);
  const Ridge grouped(each.train(), each.validation(),
                      {(Eigen::VectorXi(12) << 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2).finished(), 3});
  const Ridge one(each.train(), each.validation(), PenaltyGroups::one(12));
  for (const Ridge* problem : {&each, &grouped, &one}) {
    const VectorXd theta = agreement::random_like(problem->start().theta, 1);
    agreement::check_derivatives(*problem, theta, 2);
    for (const double penalty : {1.0, 100.0}) agreement::check_closed_forms(*problem, theta, penalty);
  }
}

TEST_CASE("ridge: one feature by hand", "[problems]") {
  // X = (1, 1)ᵀ, y = (2, 4)ᵀ, θ = ln 2: (1 + 2) p = 3, so p* = 1; at x' = 1, y' = 3: φ = ½(1 − 3)² = 2.
  const Ridge problem({Eigen::MatrixXd::Ones(2, 1), Eigen::VectorXd{{2, 4}}},
                      {Eigen::MatrixXd::Ones(1, 1), VectorXd::Constant(1, 3)}, PenaltyGroups::one(1));
  const VectorXd theta = VectorXd::Constant(1, std::log(2.0));
  CHECK(problem.lower_solution(theta)[0] == Approx(1));
  CHECK(problem.phi(theta) == Approx(2));
  // p* = 3/(1+e^θ), so ∂φ/∂θ = (p* − 3)(−3e^θ/(1+e^θ)²) = (−2)(−6/9) = 4/3.
  CHECK(problem.phi_gradient(theta)[0] == Approx(4.0 / 3));
}

TEST_CASE("ridge: constants are attained at their θ", "[problems]") {
  const Ridge problem = zofo::problems::random_ridge({}, 4);
  const VectorXd theta = agreement::random_like(problem.start().theta, 5);
  const auto k = problem.constants(theta);
  agreement::check_bounds(problem, k, theta, 6);
  const auto g = agreement::curvature(problem, theta, true, problem.start().p);
  CHECK(k.mu == Approx(g.low));
  CHECK(k.smoothness == Approx(g.high));
  CHECK(problem.constants().mu == problem.constants(problem.start().theta).mu);
}

// 4,000 batches; five standard errors, from the batches' standard deviation: 6e-7 false alarms a comparison.
TEST_CASE("ridge: mini-batches are unbiased and keyed by the sample", "[problems]") {
  const Ridge full = zofo::problems::random_ridge({}, 7);
  const Ridge batched(full.train(), full.validation(), full.groups(), 5);
  const VectorXd theta = full.start().theta, p = agreement::random_like(full.start().p, 8);
  CHECK(batched.lower(theta, p, {1, 2, 3}) == batched.lower(theta, p, {1, 2, 3}));
  CHECK(batched.lower(theta, p, {1, 2, 3}) != batched.lower(theta, p, {1, 3, 3}));
  double sum = 0, squares = 0;
  constexpr std::uint32_t kBatches = 4000;
  for (std::uint32_t i = 0; i < kBatches; ++i) {
    const double value = batched.lower(theta, p, {1, i, 0});
    sum += value;
    squares += value * value;
  }
  const double mean = sum / kBatches, variance = squares / kBatches - mean * mean;
  CHECK(std::abs(mean - full.lower(theta, p)) < 5 * std::sqrt(variance / kBatches));
  CHECK(std::abs(mean - 1.1 * full.lower(theta, p)) > 5 * std::sqrt(variance / kBatches));
  // Gradients and Hessians are of the same rows as values.
  const auto check = zofo::check_problem(batched, theta, p, 1e-9, {{1, 2, 3}, {4, 5, 6}});
  for (const auto& finding : check.findings) {
    if (finding.what == "phi" || finding.what == "lower_gradient at lower_solution") continue;
    INFO(finding.message);
    CHECK(finding.message.empty());
  }
}

TEST_CASE("ridge: wrong examples are named", "[problems]") {
  const auto groups = PenaltyGroups::one(2);
  CHECK_THROWS_WITH(Ridge(ridge_rows(0, 2), ridge_rows(1, 2), groups),
                    contains("train.features is 0x2: must be at least"));
  CHECK_THROWS_WITH(Ridge(ridge_rows(1, 2), ridge_rows(1, 3), groups),
                    contains("validation.features has 3 columns: must have 2"));
  RealRows bad = ridge_rows(2, 2);
  bad.targets.resize(3);
  CHECK_THROWS_WITH(Ridge(ridge_rows(1, 2), bad, groups), contains("validation has 3 answers"));
  bad = ridge_rows(2, 2);
  bad.features(1, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(Ridge(bad, ridge_rows(1, 2), groups),
                    contains("train.features has an entry that is not finite"));
  CHECK_THROWS_WITH(Ridge(ridge_rows(1, 2), ridge_rows(1, 2), {Eigen::VectorXi::Constant(2, 1), 1}),
                    contains("groups.of[0] = 1: must be in [0, 1)"));
  CHECK_THROWS_WITH(Ridge(ridge_rows(1, 2), ridge_rows(1, 2), groups, -1), contains("batch = -1: must be 0"));
  const Ridge good(ridge_rows(1, 2), ridge_rows(1, 2), groups);
  CHECK_THROWS_WITH(good.phi(VectorXd::Zero(2)), contains("theta has 2 entries: must have 1"));
  CHECK_THROWS_WITH(zofo::problems::random_ridge({.features = 3, .informative = 4}, 1),
                    contains("informative = 4: must be in [0, 3]"));
}
