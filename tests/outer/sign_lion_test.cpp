#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/two_blocks.hpp"
#include "outer/estimates.hpp"
#include "zofo/outer/lion.hpp"
#include "zofo/outer/sign.hpp"
#include "zofo/outer/update_blocks.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif

using Eigen::VectorXd;
using own::TwoBlocks;
using zofo::Gaussian;
using zofo::outer::Lion;
using zofo::outer::Sign;

namespace {
double sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; }
}  // namespace

TEST_CASE("Sign moves every coordinate by the rate against the estimate", "[outer]") {
  const std::size_t n = 2500;  // three blocks
  TwoBlocks theta{std::vector<double>(n, 0.0), std::vector<double>(7, 1.0)};
  Sign::State<TwoBlocks> state;
  const Sign solver{.rate = zofo::Schedule::linear(0.5, 0.25, 1)};
  std::vector<double> first(n, 0.0), second(7, 1.0);
  for (std::uint32_t k = 0; k < 3; ++k) {
    solver.apply(theta, Gaussian{}, estimates::at(k), state);
    const double rate = k == 0 ? 0.5 : 0.25;
    const auto a = estimates::dense(estimates::at(k), 0, n), b = estimates::dense(estimates::at(k), 1, 7);
    for (std::size_t i = 0; i < n; ++i) first[i] -= rate * sign(a[i]);
    for (std::size_t i = 0; i < 7; ++i) second[i] -= rate * sign(b[i]);
  }
  CHECK(theta.first == first);
  CHECK(theta.second == second);
  CHECK(state.steps == 3);
  // Coordinates that the estimate does not touch stay.
  VectorXd x = VectorXd::Zero(9);
  Sign::State<VectorXd> one;
  solver.apply(x, zofo::Coordinate{}, {{{{1, 0, 0}, 2.0}}, 1}, one);
  CHECK(x.cwiseAbs().sum() == 0.5);
  CHECK_THROWS_WITH(Sign{-1.0}.check(), contains("rate = -1"));
}

TEST_CASE("Lion is Chen et al.'s algorithm 2, written coordinate by coordinate", "[outer]") {
  const std::size_t n = 1500;
  const double rate = 0.1, b1 = 0.8, b2 = 0.6, decay = 0.05;
  TwoBlocks theta{std::vector<double>(n, 1.0), std::vector<double>(3, -1.0)};
  Lion::State<TwoBlocks> state;
  const Lion solver{.rate = rate, .beta1 = b1, .beta2 = b2, .weight_decay = decay};
  std::vector<double> x(n, 1.0), m(n, 0.0);
  for (std::uint32_t k = 0; k < 5; ++k) {
    solver.apply(theta, Gaussian{}, estimates::at(k), state);
    const auto g = estimates::dense(estimates::at(k), 0, n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] -= rate * (sign(b1 * m[i] + (1.0 - b1) * g[i]) + decay * x[i]);
      m[i] = b2 * m[i] + (1.0 - b2) * g[i];
    }
  }
  double worst = 0.0;
  for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::abs(theta.first[i] - x[i]));
  CHECK(worst < 1e-13);
  for (std::size_t i = 0; i < n; i += 31)
    CHECK(state.momentum.row<double>(0)[i] == Approx(m[i]).margin(1e-12));
  CHECK_THROWS_WITH((Lion{.beta1 = 1.0}.check()), contains("beta1 = 1"));
  CHECK_THROWS_WITH((Lion{.beta2 = -0.5}.check()), contains("beta2 = -0.5"));
  CHECK_THROWS_WITH((Lion{.weight_decay = -1.0}.check()), contains("weight_decay = -1"));
}

TEST_CASE("an update walked by blocks is the whole update, tensor by tensor", "[outer]") {
  const std::size_t n = 70000;  // two chunks
  TwoBlocks theta{std::vector<double>(n, 0.0), std::vector<double>(5, 0.0)};
  std::vector<std::vector<double>> seen{std::vector<double>(n), std::vector<double>(5)};
  zofo::outer::for_each_update_block(
      theta, Gaussian{}, estimates::at(2),
      [&](std::size_t tensor, double* x, const double* g, std::size_t offset, std::size_t size) {
        std::copy_n(g, size, seen[tensor].data() + offset);
        std::copy_n(g, size, x);
      });
  CHECK(theta.first == seen[0]);
  CHECK(theta.second == seen[1]);
  const auto g = estimates::dense(estimates::at(2), 0, n);
  for (std::size_t i = 0; i < n; i += 997) CHECK(seen[0][i] == Approx(g[i]).margin(1e-14));
}

#ifdef _OPENMP
TEST_CASE("the bits of an update by blocks do not depend on the number of threads", "[outer]") {
  const int before = omp_get_max_threads();
  std::vector<float> results[2];
  for (int run = 0; run < 2; ++run) {
    omp_set_num_threads(run == 0 ? 1 : 3);
    results[run].assign(200000, 0.5F);
    Lion::State<std::vector<float>> state;
    for (std::uint32_t k = 0; k < 3; ++k)
      Lion{.rate = 0.1}.apply(results[run], Gaussian{}, estimates::at(k), state);
  }
  omp_set_num_threads(before);
  CHECK(results[0] == results[1]);
}
#endif
