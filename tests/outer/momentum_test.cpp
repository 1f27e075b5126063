#include "zofo/outer/momentum.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/two_blocks.hpp"
#include "outer/estimates.hpp"
#include "zofo/perturb/gaussian.hpp"

using own::TwoBlocks;
using zofo::Gaussian;
using zofo::Schedule;
using zofo::outer::Momentum;

TEST_CASE("momentum follows the heavy-ball recurrence, written without a velocity", "[outer]") {
  // θ₊ = θ − η ĝ + β (θ − θ₋), on both tensors, over more than one block.
  const double eta = 0.01, beta = 0.8;
  const std::size_t n = 1500, m = 70;
  TwoBlocks theta{std::vector<double>(n, 0.0), std::vector<double>(m, 1.0)};
  std::vector<double> now(m, 1.0), before(m, 1.0);
  const Momentum solver{.rate = eta, .momentum = beta};
  Momentum::State<TwoBlocks> state;
  for (std::uint32_t k = 0; k < 12; ++k) {
    solver.apply(theta, Gaussian{}, estimates::at(k), state);
    const auto g = estimates::dense(estimates::at(k), 1, m);
    for (std::size_t i = 0; i < m; ++i) {
      const double after = now[i] - eta * g[i] + beta * (now[i] - before[i]);
      before[i] = now[i];
      now[i] = after;
      CHECK(theta.second[i] == Approx(now[i]).margin(1e-12));
    }
  }
  CHECK(state.steps == 12);
  // The first tensor has noise of its own: v after the last step is Σ β^(11−k) ĝ_k.
  std::vector<double> v(n, 0.0);
  for (std::uint32_t k = 0; k < 12; ++k) {
    const auto g = estimates::dense(estimates::at(k), 0, n);
    for (std::size_t i = 0; i < n; ++i) v[i] += std::pow(beta, 11 - static_cast<int>(k)) * g[i];
  }
  for (std::size_t i = 0; i < n; i += 37)
    CHECK(state.velocity.row<double>(0)[i] == Approx(v[i]).margin(1e-12));
}

TEST_CASE("a rate of 1/√k is taken step by step, in single precision too", "[outer]") {
  Eigen::MatrixXf theta = Eigen::MatrixXf::Zero(20, 30);
  const Momentum solver{.rate = Schedule::inverse_sqrt(0.02), .momentum = 0.5};
  Momentum::State<Eigen::MatrixXf> state;
  std::vector<double> velocity(600, 0.0), expected(600, 0.0);
  for (std::uint32_t k = 0; k < 8; ++k) {
    solver.apply(theta, Gaussian{}, estimates::at(k), state);
    const auto g = estimates::dense(estimates::at(k), 0, 600);
    for (std::size_t i = 0; i < 600; ++i) {
      velocity[i] = 0.5 * velocity[i] + g[i];
      expected[i] -= 0.02 / std::sqrt(k + 1.0) * velocity[i];
    }
  }
  double worst = 0.0;
  for (std::size_t i = 0; i < 600; ++i)
    worst = std::max(worst, std::abs(static_cast<double>(theta.data()[i]) - expected[i]));
  CHECK(worst < 8 * 1e-6);  // 8 steps of entries below 2, each rounded to 2^−24 a few times
}

TEST_CASE("momentum refuses what it cannot apply and leaves θ and the state", "[outer]") {
  Eigen::VectorXd theta = Eigen::VectorXd::Ones(5), longer = Eigen::VectorXd::Ones(6);
  Momentum::State<Eigen::VectorXd> state;
  const Momentum solver{.rate = 0.1};
  solver.apply(theta, Gaussian{}, estimates::at(0), state);
  const Eigen::VectorXd before = theta;
  CHECK_THROWS_WITH(solver.apply(theta, Gaussian{}, {{{{}, 1.0}, {{}, std::nan("")}}}, state),
                    contains("outer step 1: coefficient 1 of the estimate is nan"));
  CHECK_THROWS_WITH(solver.apply(longer, Gaussian{}, estimates::at(1), state),
                    contains("tensor 0 of theta has 6 entries, the optimiser's state 5"));
  CHECK(theta == before);
  CHECK(longer == Eigen::VectorXd::Ones(6));
  CHECK(state.steps == 1);
  CHECK_THROWS_WITH((zofo::outer::Momentum{.momentum = 1.0}.check()), contains("momentum = 1"));
  CHECK_THROWS_WITH((zofo::outer::Momentum{.rate = -2.0}.check()), contains("rate = -2"));
}
