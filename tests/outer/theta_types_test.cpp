// Every outer optimiser on every kind of θ: single and double precision, matrices, a type of one's own.
#include <Eigen/Core>
#include <cmath>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "inner/two_blocks.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/ball.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/outer/projected.hpp"
#include "zofo/outer/rms_scalar.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

namespace outer = zofo::outer;
using zofo::Schedule;

namespace {

using zofo::for_each_tensor;  // Eigen's; a type of one's own brings its own

template <class Theta>
Theta twelve() {
  if constexpr (std::is_same_v<Theta, own::TwoBlocks>)
    return {std::vector<double>(8, 0.0), std::vector<double>(4, 0.0)};
  else if constexpr (Theta::ColsAtCompileTime == 1)
    return Theta::Zero(12);
  else
    return Theta::Zero(4, 3);
}
// ½ Σ (θ_i − 1)².
template <class Theta>
double value(Theta& theta) {
  double sum = 0.0;
  for_each_tensor(theta, [&sum](std::uint32_t, const auto* x, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) sum += 0.5 * std::pow(static_cast<double>(x[i]) - 1.0, 2);
  });
  return sum;
}
// ⟨z, θ − 1⟩, the derivative along z of the function above.
template <class Distribution, class Theta>
double slope(const Distribution& distribution, Theta& theta, zofo::Direction z) {
  double sum = 0.0;
  for_each_tensor(theta, [&](std::uint32_t tensor, const auto* x, std::size_t n) {
    std::vector<double> entries(n);
    distribution.fill(z, tensor, 0, entries.data(), n);
    for (std::size_t i = 0; i < n; ++i) sum += entries[i] * (static_cast<double>(x[i]) - 1.0);
  });
  return sum;
}
template <class Theta, class Outer, class Distribution>
double end_value(const Outer& solver, const Distribution& distribution) {
  static_assert(zofo::outer::OuterOptimizer<Outer, Theta, Distribution>);
  solver.check();
  Theta theta = twelve<Theta>();
  typename Outer::template State<Theta> state;
  for (std::uint32_t k = 0; k < 2000; ++k) {
    zofo::ZoGradient g{{}, 2};
    for (std::uint32_t query = 0; query < 2; ++query) {
      const zofo::Direction z{11, k, query};
      g.terms.push_back({z, 0.5 * slope(distribution, theta, z)});
    }
    solver.apply(theta, distribution, g, state);
  }
  CHECK(state.steps == 2000);
  return value(theta);
}

}  // namespace

TEMPLATE_TEST_CASE("every outer optimiser descends on every kind of θ", "[outer]", Eigen::VectorXd,
                   Eigen::MatrixXf, own::TwoBlocks) {
  // From 6. The noise of the exact slopes vanishes at the minimum; Adam's steps need a rate that falls.
  const auto check = [](const auto& distribution) {
    const auto falling = Schedule::cosine(0.05, 0.0, 2000);
    CHECK(end_value<TestType>(outer::Sgd{0.03}, distribution) < 1e-8);
    CHECK(end_value<TestType>(outer::Momentum{.rate = 0.003, .momentum = 0.9}, distribution) < 1e-4);
    CHECK(end_value<TestType>(outer::Adam{.rate = falling}, distribution) < 1e-2);
    CHECK(end_value<TestType>(outer::RmsScalar{.rate = falling, .beta2 = 0.99}, distribution) < 1e-4);
    CHECK(end_value<TestType>(outer::Projected{outer::Sgd{0.03}, outer::Box{-1.0, 2.0}}, distribution) <
          1e-8);
    // The nearest point of a ball of radius √12/2 is θ = ½: 12 · ⅛.
    CHECK(end_value<TestType>(
              outer::Projected{outer::Sgd{Schedule::cosine(0.03, 0.0, 2000)}, outer::Ball(std::sqrt(3.0))},
              distribution) == Approx(1.5).epsilon(1e-2));
  };
  check(zofo::Gaussian{});
  check(zofo::Rademacher{});
}

TEMPLATE_TEST_CASE("a rate of 1/√k reproduces the recursion by hand", "[outer]", outer::Sgd,
                   outer::RmsScalar) {
  // With ρ = ±1 each, RmsScalar's second moment stays 1 and both take rate(k) · ρ.
  const TestType solver{.rate = Schedule::inverse_sqrt(0.1)};
  typename TestType::template State<Eigen::VectorXd> state;
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(5), expected = theta, z(5);
  for (std::uint32_t k = 0; k < 20; ++k) {
    const double rho = k % 3 == 0 ? -1.0 : 1.0;
    solver.apply(theta, zofo::Rademacher{}, {{{{2, k, 0}, rho}}, 1}, state);
    zofo::rademacher({2, k, 0}, 0, 0, z.data(), 5);
    expected -= 0.1 / std::sqrt(k + 1.0) * rho * z;
    CHECK(theta.isApprox(expected, 1e-12));
  }
}
