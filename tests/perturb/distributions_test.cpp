#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <list>
#include <vector>

#include "catch.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif

using zofo::Direction;
using zofo::Gaussian;
using zofo::Rademacher;

static_assert(zofo::Perturbation<Gaussian, Eigen::VectorXd> &&
              zofo::Perturbation<Rademacher, Eigen::MatrixXf>);
static_assert(zofo::CoordinatewisePerturbation<Gaussian> && zofo::CoordinatewisePerturbation<Rademacher>);
static_assert(!zofo::Perturbation<Gaussian, std::list<float>>);

namespace {
struct TwoTensors {
  std::vector<float> first, second;
};
template <class F>
void for_each_tensor(TwoTensors& theta, F&& f) {
  f(std::uint32_t{3}, theta.first.data(), theta.first.size());
  f(std::uint32_t{4}, theta.second.data(), theta.second.size());
}

template <class Distribution>
std::vector<double> draw(const Distribution& distribution, Direction direction, std::uint32_t tensor,
                         std::size_t n) {
  std::vector<double> z(n);
  distribution.fill(direction, tensor, 0, z.data(), n);
  return z;
}
// Mean of x·y over the range and its deviation from `expected` in standard errors.
double deviation(const std::vector<double>& x, const std::vector<double>& y, double expected) {
  double sum = 0.0, squares = 0.0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i] * y[i];
    squares += x[i] * y[i] * x[i] * y[i];
  }
  const double mean = sum / n;
  const double error = std::sqrt((squares / n - mean * mean) / n);
  return error == 0.0 ? std::abs(mean - expected) * 1e300 : std::abs(mean - expected) / error;
}
}  // namespace

TEMPLATE_TEST_CASE("add writes a z of the generator, over chunks and blocks", "[perturb]", Gaussian,
                   Rademacher) {
  const TestType distribution;
  const Direction direction{42, 5, 1};
  const Eigen::Index n = 3 * 65536 + 1025;  // four chunks, the last one ragged
  const std::vector<double> z = draw(distribution, direction, 0, static_cast<std::size_t>(n));
  Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(n, -1.0, 1.0);
  const Eigen::VectorXd start = theta;
  distribution.add(theta, direction, 0.25);
  const auto expected = start + 0.25 * Eigen::Map<const Eigen::VectorXd>(z.data(), n);
  CHECK((theta - expected).cwiseAbs().maxCoeff() < 1e-15);
  Eigen::VectorXf single = start.cast<float>();
  distribution.add(single, direction, 0.25);
  CHECK((single.cast<double>() - expected).cwiseAbs().maxCoeff() < 1e-6);
}

TEMPLATE_TEST_CASE("z does not depend on how its range is split", "[perturb]", Gaussian, Rademacher) {
  const TestType distribution;
  const Direction direction{9, 1, 0};
  std::vector<float> whole(1000), parts(1000);
  distribution.fill(direction, 2, 0, whole.data(), whole.size());
  for (std::size_t first = 0, size = 1; first < parts.size(); first += size, size = size % 37 + 1) {
    size = std::min(size, parts.size() - first);
    distribution.fill(direction, 2, first, parts.data() + first, size);
  }
  CHECK(whole == parts);
}

#ifdef _OPENMP
TEMPLATE_TEST_CASE("the update has the same bits on any number of threads", "[perturb]", Gaussian,
                   Rademacher) {
  const int before = omp_get_max_threads();
  const TestType distribution;
  Eigen::VectorXf one = Eigen::VectorXf::LinSpaced(300000, -1.0F, 1.0F), three = one;
  omp_set_num_threads(1);
  distribution.add(one, {1, 2, 3}, 1e-3);
  omp_set_num_threads(3);
  distribution.add(three, {1, 2, 3}, 1e-3);
  omp_set_num_threads(before);
  CHECK(one == three);
}
#endif

// Five standard errors at fixed seeds: a false alarm in 6e-7 a check, 5 checks a distribution.
TEMPLATE_TEST_CASE("entries have mean 0, variance 1, and no correlation across streams", "[perturb]",
                   Gaussian, Rademacher) {
  const TestType distribution;
  const std::size_t n = 1000000;
  const auto z = draw(distribution, {7, 0, 0}, 0, n);
  const std::vector<double> ones(n, 1.0);
  CHECK(deviation(z, ones, 0.0) < 5.0);
  CHECK(deviation(z, z, 1.0) < 5.0);
  CHECK(deviation(z, draw(distribution, {7, 0, 0}, 1, n), 0.0) < 5.0);
  CHECK(deviation(z, draw(distribution, {7, 1, 0}, 0, n), 0.0) < 5.0);
  CHECK(deviation(z, draw(distribution, {7, 0, 1}, 0, n), 0.0) < 5.0);
  std::vector<double> shifted = z;  // the check sees a biased direction
  for (double& entry : shifted) entry += 0.01;
  CHECK(deviation(shifted, ones, 0.0) > 5.0);
}

TEST_CASE("tensors of one shape get different noise", "[perturb]") {
  TwoTensors theta{std::vector<float>(64, 0.0F), std::vector<float>(64, 0.0F)};
  Gaussian{}.add(theta, {1, 0, 0}, 1.0);
  CHECK(theta.first != theta.second);
  const auto expected = draw(Gaussian{}, {1, 0, 0}, 4, 64);
  for (std::size_t i = 0; i < 64; ++i) CHECK(static_cast<double>(theta.second[i]) == Approx(expected[i]));
}

TEST_CASE("signs are signs, and the factors are those of E3", "[perturb]") {
  for (double z : draw(Rademacher{}, {3, 1, 4}, 0, 1000)) CHECK(std::abs(z) == 1.0);
  CHECK(Gaussian{}.second_moment_factor(10) == 12.0);
  CHECK(Rademacher{}.second_moment_factor(10) == 10.0);
}
