// Distributions with dependent entries: optimisers that read coordinates get the z that `add` adds.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/sphere.hpp"

using Eigen::MatrixXd;
namespace outer = zofo::outer;

namespace {
zofo::ZoGradient bound_estimate(std::uint32_t step) { return {{{{3, step, 0}, 1.5}, {{3, step, 1}, -0.5}}}; }
template <class Distribution>
MatrixXd bound_dense(const Distribution& distribution, const zofo::ZoGradient& gradient,
                     const MatrixXd& shape) {
  MatrixXd sum = MatrixXd::Zero(shape.rows(), shape.cols());
  for (const auto& term : gradient.terms) distribution.add(sum, term.direction, term.coefficient);
  return sum;
}
template <class Distribution>
void check(const Distribution& distribution) {
  MatrixXd theta = MatrixXd::Zero(50, 40), by_adam = theta;
  MatrixXd expected = theta, velocity = theta, adam = theta, m = theta, v = theta;
  const outer::Momentum solver{.rate = 0.1, .momentum = 0.7};
  const outer::Adam second{.rate = 0.1, .beta1 = 0.5, .beta2 = 0.8};
  outer::Momentum::State<MatrixXd> state;
  outer::Adam::State<MatrixXd> second_state;
  for (std::uint32_t k = 0; k < 4; ++k) {
    solver.apply(theta, distribution, bound_estimate(k), state);
    second.apply(by_adam, distribution, bound_estimate(k), second_state);
    const MatrixXd g = bound_dense(distribution, bound_estimate(k), theta);
    velocity = 0.7 * velocity + g;
    expected -= 0.1 * velocity;
    m = 0.5 * m + 0.5 * g;
    v = 0.8 * v + 0.2 * g.cwiseAbs2();
    const MatrixXd root = (v / (1.0 - std::pow(0.8, k + 1))).cwiseSqrt();
    adam.array() -= 0.1 / (1.0 - std::pow(0.5, k + 1)) * m.array() / (root.array() + 1e-8);
  }
  CHECK((theta - expected).norm() <= 1e-13 * expected.norm());
  CHECK((by_adam - adam).norm() <= 1e-9 * adam.norm());  // dividing by a small root magnifies the rounding
}
}  // namespace

TEST_CASE("momentum and Adam with distributions that bind to θ's shape", "[outer]") {
  check(zofo::Sphere{});
  check(zofo::Coordinate{});
  check(zofo::Orthogonal{2});
  check(zofo::LowRank{2, 1});
}
