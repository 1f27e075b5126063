// Statistical checks are at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include "zofo/perturb/orthogonal.hpp"

#include <Eigen/Core>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "perturb/shapes.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"

using zofo::Central;
using zofo::Gaussian;
using zofo::Orthogonal;

namespace {

// Largest deviation from d I of the inner products of the directions of q queries, over d.
template <class Distribution, class Theta>
double departure(const Distribution& distribution, const Theta& zero, std::uint32_t q) {
  const Eigen::Index d = shapes::flat(zero).size();
  Eigen::MatrixXd z(d, q);
  for (std::uint32_t j = 0; j < q; ++j) z.col(j) = shapes::noise(distribution, zero, {51, 6, j});
  const Eigen::MatrixXd products = z.transpose() * z / static_cast<double>(d);
  return (products - Eigen::MatrixXd::Identity(q, q)).cwiseAbs().maxCoeff();
}

}  // namespace

TEST_CASE("directions of one step are orthogonal, each of length √d", "[perturb]") {
  CHECK(departure(Orthogonal{64}, Eigen::VectorXd{Eigen::VectorXd::Zero(64)}, 64) < 1e-10);
  CHECK(departure(Orthogonal{5}, Eigen::VectorXd{Eigen::VectorXd::Zero(150001)}, 5) < 1e-10);
  CHECK(departure(Orthogonal{20}, shapes::Layer<double>(4, 5), 20) < 1e-10);
  CHECK(departure(Orthogonal{5}, Eigen::MatrixXf{Eigen::MatrixXf::Zero(9, 8)}, 5) < 1e-5);
  CHECK(departure(Gaussian{}, Eigen::VectorXd{Eigen::VectorXd::Zero(64)}, 64) > 1e-2);  // seen to fail
}

TEST_CASE("E4: q = d gives the exact gradient of a linear function", "[perturb]") {
  const std::uint32_t d = 30;
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(d, -1.0, 2.0), zero = Eigen::VectorXd::Zero(d);
  const auto f = [&g](const Eigen::VectorXd& x) { return g.dot(x); };
  for (std::uint32_t step = 0; step < 5; ++step) {
    const Central central{0.5, d, 52};
    CHECK((statistics::estimate(central, Orthogonal{d}, f, zero, step) - g).norm() < 1e-9 * g.norm());
    CHECK((statistics::estimate(central, Gaussian{}, f, zero, step) - g).norm() > 0.1 * g.norm());
  }
}

TEST_CASE("E4: second moment d/q, and no bias", "[perturb]") {
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(10, -1.0, 2.0), zero = Eigen::VectorXd::Zero(10);
  const auto f = [&g](const Eigen::VectorXd& x) { return g.dot(x); };
  CHECK(Orthogonal{4}.second_moment_factor(10, 4) == 2.5);
  CHECK(Orthogonal{4}.second_moment_factor(10) == 10.0);
  CHECK(statistics::moment_deviation(Central{0.1, 4, 53}, Orthogonal{4}, g, 2.5, 20000) < 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 4, 53}, Gaussian{}, g, 2.5, 20000) > 5.0);
  CHECK(statistics::mean_deviation(Central{0.1, 4, 54}, Orthogonal{4}, f, zero, g, 20000) < 5.0);
}

// Haar: the last of three directions, the most processed one, has mean 0, entries of variance 1 and of fourth
// moment 3 d/(d + 2), a uniform point's on the sphere of radius √d.
TEST_CASE("every direction is uniform on its sphere", "[perturb]") {
  const Eigen::VectorXd zero = Eigen::VectorXd::Zero(4);
  statistics::Mean first(4), second(4), fourth(4);
  for (std::uint32_t step = 0; step < 100000; ++step) {
    const Eigen::VectorXd z = shapes::noise(Orthogonal{3}, zero, {55, step, 2});
    first.add(z);
    second.add(z.cwiseAbs2());
    fourth.add(z.array().pow(4).matrix());
  }
  CHECK(first.deviation(Eigen::VectorXd::Zero(4)) < 5.0);
  CHECK(second.deviation(Eigen::VectorXd::Ones(4)) < 5.0);
  CHECK(fourth.deviation(Eigen::VectorXd::Constant(4, 2.0)) < 5.0);
  CHECK(fourth.deviation(Eigen::VectorXd::Constant(4, 3.0)) > 5.0);  // the Gaussian's
}

TEST_CASE("more queries than coordinates or than announced are refused", "[perturb]") {
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(3);
  CHECK_THROWS_WITH(Orthogonal{4}.add(theta, {1, 0, 0}, 1.0),
                    contains("queries = 4") && contains("at most 3"));
  CHECK_THROWS_WITH(Orthogonal{2}.add(theta, {1, 0, 2}, 1.0), contains("query = 2"));
  CHECK_THROWS_WITH(Orthogonal{0}.check(), contains("queries = 0"));
  CHECK_NOTHROW(Orthogonal{3}.check());
}
