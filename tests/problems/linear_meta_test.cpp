#include <Eigen/Core>
#include <Eigen/SVD>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "problems/agreement.hpp"
#include "zofo/problems/linear_meta_family.hpp"

using Eigen::MatrixXd;
using zofo::problems::linear_meta_family;
using zofo::problems::LinearMetaOptions;
using zofo::problems::LinearMetaTask;
static_assert(zofo::problems::AnalyticProblem<LinearMetaTask> && zofo::HasExactInner<LinearMetaTask> &&
              zofo::HasHypergradient<LinearMetaTask> && zofo::HasSecondOrder<LinearMetaTask>);

TEST_CASE("linear meta: closed forms agree with the reference", "[problems]") {
  const auto family = linear_meta_family({}, 1);
  const LinearMetaTask& task = family.training[0].problem;
  for (std::uint32_t k = 0; k < 2; ++k) {
    const MatrixXd W = agreement::random_like(task.start().theta, k);
    agreement::check_derivatives(task, W, 10 + k);
    for (const double penalty : {1.0, 100.0}) agreement::check_closed_forms(task, W, penalty);
    CHECK(task.phi(W) == Approx(task.upper(W, task.lower_solution(W))).epsilon(1e-13));
  }
}

TEST_CASE("linear meta: constants are attained", "[problems]") {
  const auto family = linear_meta_family({}, 2);
  const LinearMetaTask& task = family.training[0].problem;
  const MatrixXd W = agreement::random_like(task.start().theta, 1),
                 A = agreement::random_like(task.start().p, 2);
  const auto k = task.constants();
  const auto g = agreement::curvature(task, W, true, A), f = agreement::curvature(task, W, false, A);
  const auto phi = agreement::phi_curvature(task, W);
  CHECK(k.mu == Approx(g.low));
  CHECK(k.smoothness == Approx(g.high));
  CHECK(k.upper_smoothness == Approx(f.high));
  CHECK(k.phi_mu == Approx(phi.low));
  CHECK(k.phi_smoothness == Approx(phi.high));
  CHECK(k.effective_rank >= 4);  // each eigenvalue occurs once an output
  CHECK(k.effective_rank <= 32);
}

TEST_CASE("linear meta: the mean φ has its gradient and its minimum", "[problems]") {
  const auto family = linear_meta_family({}, 3);
  const MatrixXd W = agreement::random_like(family.backbone, 1);
  const auto differences = zofo::difference_gradient(
      [&](const Eigen::VectorXd& x) { return family.phi(x.reshaped(4, 8)); }, W.reshaped());
  CHECK((family.phi_gradient(W).reshaped() - differences.value).norm() < 1e-9 * differences.value.norm());
  const MatrixXd best = family.phi_minimiser();
  CHECK(family.phi_gradient(best).norm() < 1e-12 * family.phi_gradient(W).norm());
  for (std::uint32_t k = 0; k < 10; ++k)
    CHECK(family.phi(best + agreement::random_like(W, 20 + k, 1e-3)) > family.phi(best));
}

TEST_CASE("linear meta: best_low_rank beats every other map of its rank", "[problems]") {
  const auto family = linear_meta_family({.support = 12, .noise = 0.5}, 4);
  const LinearMetaTask& task = family.training[0].problem;
  const MatrixXd W = 0.5 * family.backbone;
  const auto loss = [&](const MatrixXd& change) {
    return (task.support().outputs - task.support().inputs * (W + change).transpose()).squaredNorm();
  };
  for (const Eigen::Index rank : {1, 2, 3}) {
    const MatrixXd best = task.best_low_rank(W, rank);
    const Eigen::JacobiSVD<MatrixXd> svd(best, Eigen::ComputeThinU | Eigen::ComputeThinV);
    CHECK(svd.singularValues()[rank] < 1e-12 * svd.singularValues()[0]);
    // Alternating least squares from many starts comes near it, never below.
    double reached = 1e300;
    for (std::uint32_t start = 0; start < 5; ++start) {
      MatrixXd B = agreement::random_like(MatrixXd(8, rank), start), A(4, rank);
      const MatrixXd residual = task.support().outputs - task.support().inputs * W.transpose();
      const MatrixXd& X = task.support().inputs;
      for (int i = 0; i < 300; ++i) {
        A = (X * B).colPivHouseholderQr().solve(residual).transpose();
        B = X.colPivHouseholderQr().solve(residual) * A * (A.transpose() * A).inverse();
        CHECK(loss(A * B.transpose()) > loss(best) * (1 - 1e-12));
      }
      reached = std::min(reached, loss(A * B.transpose()));
    }
    CHECK(reached == Approx(loss(best)).epsilon(1e-6));
  }
  // Without noise the shift itself is found.
  const auto clean = linear_meta_family({.noise = 0}, 5);
  const auto& made = clean.training[0];
  CHECK(made.problem.best_low_rank(clean.backbone, 2).isApprox(made.truth - clean.backbone, 1e-9));
  CHECK_THROWS_WITH(task.best_low_rank(W, 5), contains("rank = 5: must be in [1, 4]"));
  CHECK_THROWS_WITH(linear_meta_family({.support = 4}, 1).training[0].problem.best_low_rank(W, 1),
                    contains("the 4 support rows must span the 8 inputs"));
}

// C8 at its exact solutions: what an optimiser can reach.
TEST_CASE("linear meta: adapting from φ's minimum beats the start and joint training", "[problems]") {
  int wins = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto family = linear_meta_family({.shift_mean = 0.5}, seed);
    const double error = family.adapted_error(family.phi_minimiser());
    wins += error < family.adapted_error(MatrixXd::Zero(4, 8)) &&
            error < family.adapted_error(family.joint_minimiser());
  }
  CHECK(wins == 20);
}

TEST_CASE("linear meta: bad input is named", "[problems]") {
  const auto task = linear_meta_family({}, 6).training[0].problem;
  CHECK_THROWS_WITH(LinearMetaTask(task.support(), task.query(), MatrixXd::Ones(3, 1), 0.1),
                    contains("right_factor is 3x1: must be 8 rows"));
  CHECK_THROWS_WITH(LinearMetaTask(task.support(), task.query(), task.right_factor(), 0),
                    contains("ridge = 0: must be finite and above 0"));
  CHECK_THROWS_WITH(LinearMetaTask({}, task.query(), task.right_factor(), 1),
                    contains("support.inputs is 0x0"));
  CHECK_THROWS_WITH(linear_meta_family({.rank = 9}, 1), contains("rank = 9: must be in [1, 8]"));
  CHECK_THROWS_WITH(linear_meta_family({.query = 1, .training = 1}, 1).phi_minimiser(),
                    contains("do not determine the backbone"));
}
