// Statistical checks are at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include "zofo/perturb/coordinate.hpp"

#include <Eigen/Core>
#include <cmath>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "perturb/shapes.hpp"
#include "zofo/estimate/central.hpp"

using zofo::Central;
using zofo::Coordinate;
using zofo::Direction;

namespace {

// χ² of the coordinates that `draws` directions change against the uniform distribution on them.
template <class Distribution, class Theta>
double chi_square(const Distribution& distribution, const Theta& zero, std::uint32_t draws) {
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(shapes::flat(zero).size());
  for (std::uint32_t k = 0; k < draws; ++k)
    counts += shapes::noise(distribution, zero, {41, k, k % 3}).cwiseSign().cwiseAbs();
  const double expected = static_cast<double>(draws) / static_cast<double>(counts.size());
  return (counts.array() - expected).square().sum() / expected;
}

struct Lopsided {  // the first coordinate takes one more in fifty
  template <class Theta>
  void add(Theta& theta, Direction d, double a) const {
    Theta moved = theta;
    Coordinate{}.add(moved, d, a);
    if (d.step % 50 == 0)
      zofo::for_each_tensor(theta, [&](std::uint32_t, auto* x, std::size_t) { x[0] += a; });
    else
      theta = moved;
  }
};

}  // namespace

TEST_CASE("z is one entry of √d", "[perturb]") {
  for (std::uint32_t step = 0; step < 20; ++step) {
    const Eigen::VectorXd z = shapes::noise(Coordinate{}, shapes::Layer<double>(5, 6), {1, step, 0});
    CHECK(z.maxCoeff() == std::sqrt(35.0));
    CHECK((z.array() != 0.0).count() == 1);
  }
  CHECK(shapes::noise(Coordinate{}, Eigen::VectorXf{Eigen::VectorXf::Zero(1)}, {1, 2, 3})[0] == 1.0);
}

// The bound is the 1 - 1e-6 quantile of χ² with 49 degrees of freedom.
TEST_CASE("coordinates of all tensors are equally likely", "[perturb]") {
  CHECK(chi_square(Coordinate{}, Eigen::VectorXd{Eigen::VectorXd::Zero(50)}, 100000) < 112.0);
  CHECK(chi_square(Coordinate{}, shapes::Layer<float>(5, 9), 100000) < 112.0);
  CHECK(chi_square(Lopsided{}, Eigen::VectorXd{Eigen::VectorXd::Zero(50)}, 100000) > 112.0);
}

TEST_CASE("E3: second moment d, and no bias, for coordinates", "[perturb]") {
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(6, -1.0, 2.0), zero = Eigen::VectorXd::Zero(6);
  const auto f = [&g](const Eigen::VectorXd& x) { return g.dot(x); };
  CHECK(Coordinate{}.second_moment_factor(6) == 6.0);
  CHECK(statistics::moment_deviation(Central{0.1, 1, 42}, Coordinate{}, g, 6.0, 200000) < 5.0);
  CHECK(statistics::mean_deviation(Central{0.1, 1, 43}, Coordinate{}, f, zero, g, 200000) < 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 1, 42}, Lopsided{}, g, 6.0, 200000) > 5.0);
}

TEST_CASE("the distributions' extra streams are not those of a tensor", "[perturb]") {
  CHECK(zofo::extra_stream(zofo::ExtraStream::coordinate, 0) == 1U << 28U);
  CHECK(zofo::extra_stream(zofo::ExtraStream::right, 7) == (4U << 28U) + 7);
  CHECK_THROWS_WITH(zofo::extra_stream(zofo::ExtraStream::mask, 1U << 28U), contains("268435456"));
}
