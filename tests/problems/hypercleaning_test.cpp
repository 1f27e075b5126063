#include "zofo/problems/hypercleaning.hpp"

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"

using Eigen::VectorXd;
using zofo::problems::auc;
using zofo::problems::HyperCleaning;
static_assert(zofo::problems::AnalyticProblem<HyperCleaning> && zofo::HasSecondOrder<HyperCleaning> &&
              zofo::HasThetaGradients<HyperCleaning>);

TEST_CASE("hyper-cleaning: derivatives agree with differences, constants bound curvatures", "[problems]") {
  const auto made =
      zofo::problems::random_hyper_cleaning({.train = 20, .validation = 15, .features = 3, .classes = 3}, 1);
  for (std::uint32_t k = 0; k < 2; ++k) {
    const VectorXd theta = agreement::random_like(made.problem.start().theta, k);
    agreement::check_derivatives(made.problem, theta, 10 + k);
    agreement::check_bounds(made.problem, made.problem.constants(), theta, 20 + k);
  }
  const HyperCleaning batched(made.problem.train(), made.problem.validation(), 3, 0.1, 6);
  const auto check =
      zofo::check_problem(batched, made.problem.start().theta, agreement::random_like(batched.start().p, 4),
                          1e-9, {{1, 2, 3}, {4, 5, 6}});
  INFO(check.message());
  CHECK(check.passed());
}

TEST_CASE("hyper-cleaning: the reference's ∇φ equals differences of φ", "[problems]") {
  const auto made = zofo::problems::random_hyper_cleaning({.train = 8, .validation = 10, .features = 2}, 2);
  const VectorXd theta = agreement::random_like(made.problem.start().theta, 3);
  const auto r = zofo::reference(made.problem, theta);
  REQUIRE(r.converged);
  const auto differences = zofo::difference_gradient(
      [&](const VectorXd& x) { return zofo::reference(made.problem, x).phi; }, theta);
  CHECK((r.phi_gradient - differences.value).norm() < 1e-9 * differences.value.norm());
}

TEST_CASE("hyper-cleaning: descent on φ ranks the corrupted rows last", "[problems]") {
  const auto made = zofo::problems::random_hyper_cleaning({}, 5);
  VectorXd theta = made.problem.start().theta, p = made.problem.start().p;
  double first = 0, last = 0;
  for (int k = 0; k < 40; ++k) {
    const auto r = zofo::reference(made.problem, theta, p);
    REQUIRE(r.converged);
    p = r.p;
    last = r.phi;
    if (k == 0) first = r.phi;
    theta -= 100.0 * r.phi_gradient;
  }
  CHECK(last < first);
  CHECK(auc(theta, made.corrupted) > 0.95);
  CHECK(auc(made.problem.start().theta, made.corrupted) == 0.5);
  CHECK(auc(-theta, made.corrupted) == Approx(1 - auc(theta, made.corrupted)));  // and a wrong sign is seen
}

TEST_CASE("auc is the share of pairs in the right order", "[problems]") {
  const VectorXd weights = (VectorXd(6) << 0.1, 0.5, 0.5, 0.9, 0.5, 0.2).finished();
  const std::vector<bool> corrupted{true, false, true, false, false, true};
  double wins = 0;
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 6; ++j)
      if (!corrupted[static_cast<std::size_t>(i)] && corrupted[static_cast<std::size_t>(j)])
        wins += weights[i] > weights[j] ? 1 : weights[i] == weights[j] ? 0.5 : 0;
  CHECK(auc(weights, corrupted) == Approx(wins / 9));
  CHECK_THROWS_WITH(auc(weights, {true}), contains("auc: 6 weights, 1 rows"));
  CHECK_THROWS_WITH(auc(weights, std::vector<bool>(6, true)), contains("6 corrupted and 0 clean rows"));
  CHECK_THROWS_WITH(auc(VectorXd::Constant(1, std::nan("")), {true}), contains("a weight is NaN"));
}

// 2,000 rows at rate 0.3: five standard errors of a proportion, 6e-7 false alarms.
TEST_CASE("labels are corrupted at the given rate, always to another class", "[problems]") {
  zofo::problems::ClassRows rows{Eigen::MatrixXd::Ones(2000, 1), Eigen::VectorXi::Zero(2000)};
  const auto corrupted = zofo::problems::corrupt_labels(rows, 3, 0.3, 11);
  int hits = 0, ones = 0;
  for (Eigen::Index i = 0; i < 2000; ++i) {
    CHECK((rows.labels[i] != 0) == corrupted[static_cast<std::size_t>(i)]);
    hits += rows.labels[i] != 0;
    ones += rows.labels[i] == 1;
  }
  CHECK(std::abs(hits - 600) < 5 * std::sqrt(2000 * 0.21));
  CHECK(std::abs(ones - 0.5 * hits) < 5 * std::sqrt(0.25 * hits));
  CHECK_THROWS_WITH(zofo::problems::corrupt_labels(rows, 3, 1.5, 1), contains("corruption rate = 1.5"));
  CHECK_THROWS_WITH(HyperCleaning(rows, rows, 3, 0.0), contains("ridge = 0: must be finite and above 0"));
}
