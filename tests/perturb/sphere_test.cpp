// Statistical checks are at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include "zofo/perturb/sphere.hpp"

#include <Eigen/Core>

#include "catch.hpp"
#include "estimate/statistics.hpp"
#include "perturb/shapes.hpp"
#include "zofo/estimate/central.hpp"

using zofo::Central;
using zofo::Gaussian;
using zofo::Sphere;

static_assert(zofo::Perturbation<Sphere, Eigen::VectorXd> && zofo::Perturbation<Sphere, Eigen::MatrixXf>);

TEST_CASE("z has length √d over all tensors together", "[perturb]") {
  const auto squares = [](const auto& theta) {
    return shapes::noise(Sphere{}, theta, {3, 1, 4}).squaredNorm();
  };
  CHECK(squares(Eigen::VectorXd{Eigen::VectorXd::Zero(1)}) == Approx(1.0).epsilon(1e-12));
  CHECK(squares(Eigen::VectorXd{Eigen::VectorXd::Zero(2000003)}) == Approx(2000003.0).epsilon(1e-12));
  CHECK(squares(Eigen::MatrixXd{Eigen::MatrixXd::Zero(17, 19)}) == Approx(17.0 * 19.0).epsilon(1e-12));
  CHECK(squares(shapes::Layer<double>(30, 40)) == Approx(30.0 * 41.0).epsilon(1e-12));
  CHECK(squares(shapes::Layer<float>(30, 40)) == Approx(30.0 * 41.0).epsilon(1e-6));
  CHECK(squares(Eigen::VectorXd{}) == 0.0);
}

TEST_CASE("E3: second moment d, and no bias", "[perturb]") {
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(6, -1.0, 2.0);
  CHECK(Sphere{}.second_moment_factor(6) == 6.0);
  CHECK(statistics::moment_deviation(Central{0.1, 1, 31}, Sphere{}, g, 6.0, 100000) < 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 1, 31}, Gaussian{}, g, 6.0, 100000) > 5.0);  // seen to fail
  const auto f = [&g](const Eigen::VectorXd& x) { return g.dot(x); };
  const Eigen::VectorXd zero = Eigen::VectorXd::Zero(6);
  CHECK(statistics::mean_deviation(Central{0.1, 1, 32}, Sphere{}, f, zero, g, 100000) < 5.0);
}

TEST_CASE("E3 over two tensors", "[perturb]") {
  const shapes::Layer<float> zero(2, 3);
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(8, -1.0, 2.0);
  CHECK(shapes::moment_deviation(Sphere{}, zero, g, 8.0, 100000, 33) < 5.0);
  CHECK(shapes::moment_deviation(Gaussian{}, zero, g, 8.0, 100000, 33) > 5.0);
}
