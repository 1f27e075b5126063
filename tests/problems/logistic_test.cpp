#include "zofo/problems/logistic.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"

using Eigen::VectorXd;
using zofo::problems::ClassRows;
using zofo::problems::Logistic;
using zofo::problems::PenaltyGroups;
static_assert(zofo::problems::AnalyticProblem<Logistic> && zofo::HasSecondOrder<Logistic> &&
              zofo::HasThetaGradients<Logistic> && !zofo::HasExactInner<Logistic>);

namespace {
ClassRows rows(Eigen::Index n, int label) {
  return {Eigen::MatrixXd::Ones(n, 2), Eigen::VectorXi::Constant(n, label)};
}
}  // namespace

TEST_CASE("logistic: derivatives agree with differences", "[problems]") {
  const Logistic problem = zofo::problems::random_logistic({}, 1);
  for (std::uint32_t k = 0; k < 3; ++k)
    agreement::check_derivatives(problem, agreement::random_like(problem.start().theta, k), 10 + k);
  const Logistic batched = zofo::problems::random_logistic({.batch = 7}, 1);
  const auto check =
      zofo::check_problem(batched, problem.start().theta, agreement::random_like(problem.start().p, 4), 1e-9,
                          {{1, 2, 3}, {4, 5, 6}});
  INFO(check.message());
  CHECK(check.passed());
}

TEST_CASE("logistic: the loss by hand", "[problems]") {
  // One row x = (1, 1), class 1, p = ((0, 0), (1, 1)): scores 0 and 2, loss ln(1 + e²) − 2 = ln(1 + e⁻²).
  const Logistic problem(rows(1, 1), rows(1, 1), 2, PenaltyGroups::one(2));
  const VectorXd p = (VectorXd(4) << 0, 0, 1, 1).finished();
  CHECK(problem.upper(VectorXd::Zero(1), p) == Approx(std::log1p(std::exp(-2.0))));
  CHECK(problem.lower(VectorXd::Zero(1), p) == Approx(std::log1p(std::exp(-2.0)) + 1.0));
  CHECK(problem.accuracy(problem.train(), p) == 1.0);
  CHECK(problem.accuracy(problem.train(), -p) == 0.0);
  CHECK(std::isfinite(problem.upper(VectorXd::Zero(1), 1e6 * p)));
}

// φ by solving the lower level again at every θ: this side uses no implicit differentiation.
TEST_CASE("logistic: the reference's ∇φ equals differences of φ", "[problems]") {
  const Logistic problem = zofo::problems::random_logistic({.train = 30, .features = 4}, 2);
  const VectorXd theta = VectorXd::LinSpaced(4, -3, -1);
  for (const bool own : {true, false}) {
    zofo::ReferenceOptions options;
    options.own_oracles = own;
    const auto r = zofo::reference(problem, theta, options);
    REQUIRE(r.converged);
    const auto differences =
        zofo::difference_gradient([&](const VectorXd& x) { return zofo::reference(problem, x).phi; }, theta);
    CHECK((r.phi_gradient - differences.value).norm() < 1e-10 * differences.value.norm());
    VectorXd g;
    problem.lower_gradient(theta, r.p, {}, g);
    CHECK(g.norm() < 1e-12);
  }
}

TEST_CASE("logistic: constants bound the curvatures", "[problems]") {
  const Logistic problem = zofo::problems::random_logistic({}, 3);
  const VectorXd theta = VectorXd::LinSpaced(8, -3, 0);
  for (std::uint32_t k = 0; k < 3; ++k)
    agreement::check_bounds(problem, problem.constants(theta), theta, 20 + k);
  const VectorXd equal = VectorXd::Constant(8, -2);  // then μ is attained: the classes share a direction
  const auto p = agreement::random_like(problem.start().p, 30);
  CHECK(agreement::curvature(problem, equal, true, p).low ==
        Approx(problem.constants(equal).mu).epsilon(1e-6));
}

TEST_CASE("logistic: wrong examples are named", "[problems]") {
  const auto groups = PenaltyGroups::one(2);
  CHECK_THROWS_WITH(Logistic(rows(2, 3), rows(1, 0), 3, groups),
                    contains("train.labels[0] = 3: must be in [0, 3)"));
  CHECK_THROWS_WITH(Logistic(rows(2, 0), rows(1, -1), 3, groups), contains("validation.labels[0] = -1"));
  CHECK_THROWS_WITH(Logistic(rows(2, 0), rows(1, 0), 1, groups), contains("classes = 1: must be at least 2"));
  CHECK_THROWS_WITH(Logistic(rows(0, 0), rows(1, 0), 2, groups), contains("train.features is 0x2"));
  const Logistic good(rows(2, 0), rows(1, 0), 2, groups);
  CHECK_THROWS_WITH(good.upper(VectorXd::Zero(1), VectorXd::Zero(3)),
                    contains("p has 3 entries: must have 4"));
}
