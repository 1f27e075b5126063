#include "zofo/outer/projected.hpp"

#include <Eigen/Core>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "inner/two_blocks.hpp"
#include "outer/estimates.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/ball.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

using Eigen::VectorXd;
using own::TwoBlocks;
using zofo::Gaussian;
using zofo::outer::Ball;
using zofo::outer::Box;
using zofo::outer::Projected;
using zofo::outer::Sgd;

static_assert(zofo::outer::OuterOptimizer<Projected<Sgd, Box>, VectorXd, Gaussian>);
static_assert(zofo::outer::OuterOptimizer<Projected<zofo::outer::Adam, Ball>, TwoBlocks, Gaussian>);

namespace {
template <class Set>
VectorXd projected(const Set& set, VectorXd x) {
  set.project(x);
  return x;
}
VectorXd normal(std::uint32_t step, Eigen::Index n) {
  VectorXd z(n);
  zofo::normals({17, step, 0}, 0, 0, z.data(), static_cast<std::size_t>(n));
  return z;
}
// What makes a projection onto a convex set: idempotent, ⟨x − Πx, y − Πx⟩ ≤ 0 for every y of the set, and so
// nonexpansive. Holds to rounding, about n·2^−53 for entries near 1.
template <class Set>
void check_projection(const Set& set) {
  const Eigen::Index n = 40;
  for (std::uint32_t k = 0; k < 200; ++k) {
    const double size = k % 2 == 0 ? 0.1 : 3.0;
    const VectorXd x = size * normal(3 * k, n), y = normal(3 * k + 1, n);
    const VectorXd px = projected(set, x), py = projected(set, y);
    REQUIRE((projected(set, px) - px).norm() <= 1e-14);
    REQUIRE((x - px).dot(py - px) <= 1e-13);
    REQUIRE((px - py).norm() <= (x - y).norm() * (1.0 + 1e-14));
  }
}
}  // namespace

TEST_CASE("boxes clamp each weight", "[outer]") {
  VectorXd x(5);
  x << -3.0, -0.5, 0.0, 2.0, 7.0;
  VectorXd inside(5);
  inside << -1.0, -0.5, 0.0, 2.0, 2.5;
  CHECK(projected(Box{-1.0, 2.5}, x) == inside);
  CHECK(projected(Box{}, x) == x);
  VectorXd positive(5);
  positive << 0.0, 0.0, 0.0, 2.0, 7.0;
  CHECK(projected(Box{.low = 0.0}, x) == positive);
  check_projection(Box{-0.7, 1.1});
  TwoBlocks theta{{5.0, 0.5}, {-5.0}};
  Box{-1.0, 1.0}.project(theta);
  CHECK(theta.first == std::vector{1.0, 0.5});
  CHECK(theta.second == std::vector{-1.0});
}

TEST_CASE("balls shorten what is outside, over all tensors together", "[outer]") {
  VectorXd x = VectorXd::Zero(3);
  x << 3.0, 0.0, -4.0;
  CHECK(projected(Ball(1.0), x).isApprox(x / 5.0, 1e-15));
  CHECK(projected(Ball(5.0), x) == x);
  CHECK(projected(Ball(0.0), x) == VectorXd::Zero(3));
  const VectorXd centre = VectorXd::Ones(3);
  const VectorXd expected = centre + 2.0 / (x - centre).norm() * (x - centre);
  CHECK(projected(Ball::around(centre, 2.0), x).isApprox(expected, 1e-15));
  check_projection(Ball(2.0));
  check_projection(Ball::around(VectorXd(normal(9999, 40)), 2.0));

  TwoBlocks theta{{3.0, 0.0}, {4.0}};
  Ball(2.5).project(theta);
  CHECK(theta.first[0] == Approx(1.5));
  CHECK(theta.second[0] == Approx(2.0));
  TwoBlocks far{{4.0, 0.0}, {5.0}};
  Ball::around(TwoBlocks{{1.0, 0.0}, {1.0}}, 2.5).project(far);
  CHECK(far.first[0] == Approx(2.5));
  CHECK(far.second[0] == Approx(3.0));
}

TEST_CASE("a ball in single precision, many chunks long", "[outer]") {
  const Eigen::MatrixXf centre = Eigen::MatrixXf::Constant(1000, 300, 0.5F);
  Eigen::MatrixXf theta = Eigen::MatrixXf::Constant(1000, 300, 2.0F);
  Ball::around(centre, 1.0).project(theta);
  // ‖θ − c‖ = 1.5 √300000 before; each entry is then 0.5 + 1/√300000.
  CHECK(static_cast<double>(theta(17, 3)) == Approx(0.5 + 1.0 / std::sqrt(300000.0)).epsilon(1e-7));
  CHECK(theta.minCoeff() == theta.maxCoeff());
}

TEST_CASE("projected SGD ends on the boundary, at the constrained minimum", "[outer]") {
  // f = ½‖θ − a‖² over the unit ball has its minimum at a/‖a‖; ĝ = (z·∇f) z exactly on a quadratic.
  const VectorXd a = VectorXd::LinSpaced(5, 1.0, 2.0);
  const Projected solver{Sgd{0.02}, Ball(1.0)};
  solver.check();
  Projected<Sgd, Ball>::State<VectorXd> state;
  VectorXd theta = VectorXd::Zero(5), mean = VectorXd::Zero(5);
  for (std::uint32_t k = 0; k < 4000; ++k) {
    const VectorXd z = normal(k, 5);
    solver.apply(theta, Gaussian{}, {{{{17, k, 0}, z.dot(theta - a)}}}, state);
    REQUIRE(theta.norm() <= 1.0 + 1e-14);
    if (k >= 2000) mean += theta / 2000.0;
  }
  // The gradient does not vanish there, so θ jitters by about rate·‖a‖·√d; the mean is nearer.
  CHECK((mean - a.normalized()).norm() < 0.05);
  CHECK(state.steps == 4000);
}

TEST_CASE("sets and what they hold are checked by name", "[outer]") {
  CHECK_THROWS_WITH((Box{1.0, -1.0}.check()), contains("high = -1: must be at least low = 1"));
  CHECK_THROWS_WITH((Box{std::nan(""), 1.0}.check()), contains("low = nan"));
  CHECK_THROWS_WITH((Box{0.0, std::nan("")}.check()), contains("high = nan"));
  CHECK_THROWS_WITH(Ball(-1.0).check(), contains("radius = -1"));
  CHECK_THROWS_WITH((Projected{Sgd{-1.0}, Box{}}.check()), contains("rate = -1"));
  CHECK_THROWS_WITH((Projected{Sgd{0.1}, Ball(-2.0)}.check()), contains("radius = -2"));

  const Projected solver{Sgd{0.1}, Ball::around(VectorXd(VectorXd::Zero(4)), 1.0)};
  VectorXd longer = VectorXd::Ones(5);
  Sgd::State<VectorXd> state;
  CHECK_THROWS_WITH(
      solver.apply(longer, Gaussian{}, estimates::at(0), state),
      contains("ball: tensor 0 of theta, of 5 entries: size or type differs from the centre's"));
  Eigen::VectorXf single = Eigen::VectorXf::Ones(4);
  Sgd::State<Eigen::VectorXf> single_state;
  CHECK_THROWS_WITH(solver.apply(single, Gaussian{}, estimates::at(0), single_state),
                    contains("ball: tensor 0"));
  CHECK(longer == VectorXd::Ones(5));
  CHECK(single == Eigen::VectorXf::Ones(4));
  CHECK((state.steps == 0 && single_state.steps == 0));
  VectorXd lost = VectorXd::Constant(4, std::numeric_limits<double>::infinity());
  CHECK_THROWS_WITH(Ball(1.0).project(lost), contains("distance from the centre is inf"));
}

TEST_CASE("a box with bounds of each coordinate, from vectors or from θs", "[outer]") {
  VectorXd low(3), high(3), x(3), inside(3);
  low << -1.0, 0.0, 2.0;
  high << 1.0, 0.5, 2.0;
  x << -3.0, 0.7, 0.0;
  inside << -1.0, 0.5, 2.0;
  CHECK(projected(Box{low, high}, x) == inside);
  CHECK(projected(Box{.low = low}, x) == x.cwiseMax(low));
  CHECK(projected(Box{-0.5, high}, x) == x.cwiseMax(-0.5).cwiseMin(high));
  const std::vector<double> listed(low.data(), low.data() + 3);
  CHECK(projected(Box{listed, high}, x) == inside);
  check_projection(Box{VectorXd(-normal(8000, 40).cwiseAbs()), VectorXd(normal(8001, 40).cwiseAbs())});

  TwoBlocks theta{{5.0, 0.5}, {-5.0}};
  Box{TwoBlocks{{0.0, 1.0}, {-2.0}}, TwoBlocks{{4.0, 1.0}, {0.0}}}.project(theta);
  CHECK(theta.first == std::vector{4.0, 1.0});
  CHECK(theta.second == std::vector{-2.0});
}

TEST_CASE("boxes of each coordinate are checked by name and shape", "[outer]") {
  VectorXd low = VectorXd::Zero(3), high = VectorXd::Ones(3), theta = VectorXd::Constant(3, 7.0);
  high[1] = -1.0;
  CHECK_THROWS_WITH((Box{0.0, high}.check()), contains("high = -1: must be at least low = 0"));
  CHECK_THROWS_WITH((Box{low, -1.0}.check()), contains("high = -1: must be at least low = 0"));
  CHECK_THROWS_WITH((Box{low, high}.project(theta)), contains("box: entry 1 of tensor 0: high = -1"));
  high[1] = std::nan("");
  CHECK_THROWS_WITH((Box{low, high}.check()), contains("high = nan"));
  VectorXd longer = VectorXd::Constant(4, 7.0);
  CHECK_THROWS_WITH(
      (Box{.low = low}.project(longer)),
      contains("box: tensor 0 of theta, of 4 entries: size or type differs from the lower bound's"));
  Eigen::VectorXf single = Eigen::VectorXf::Ones(3);
  CHECK_THROWS_WITH((Box{.high = low}.project(single)), contains("the upper bound's"));
  CHECK(theta == VectorXd::Constant(3, 7.0));
  CHECK(longer == VectorXd::Constant(4, 7.0));
}
