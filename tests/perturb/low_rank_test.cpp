// Statistical checks are at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include "zofo/perturb/low_rank.hpp"

#include <Eigen/Core>
#include <Eigen/SVD>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "perturb/shapes.hpp"
#include "zofo/perturb/gaussian.hpp"

using zofo::Direction;
using zofo::Gaussian;
using zofo::LowRank;

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::MatrixXd matrix(const LowRank& distribution, Direction direction, Eigen::Index rows = 12,
                       Eigen::Index cols = 9) {
  Eigen::MatrixXd z = Eigen::MatrixXd::Zero(rows, cols);
  distribution.add(z, direction, 1.0);
  return z;
}

Eigen::Index rank(const Eigen::MatrixXd& z) {
  const Eigen::VectorXd s = Eigen::JacobiSVD<Eigen::MatrixXd>(z).singularValues();
  return (s.array() > 1e-12 * s[0]).count();
}

// Rank of z stacked on z': r if the rows of both are in one space of r dimensions, V's.
Eigen::Index joint_rank(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  Eigen::MatrixXd both(a.rows() + b.rows(), a.cols());
  both << a, b;
  return rank(both);
}

struct Unscaled {  // U Vᵀ without 1/√r
  LowRank distribution;
  void add(Eigen::MatrixXd& x, Direction d, double a) const {
    distribution.add(x, d, a * std::sqrt(distribution.rank));
  }
};

}  // namespace

TEST_CASE("z of a matrix has the requested rank, for both orders in memory", "[perturb]") {
  for (std::uint32_t r = 1; r <= 4; ++r) {
    const Eigen::MatrixXd z = matrix({r, 1}, {61, r, 0});
    CHECK(rank(z) == r);
    RowMajor other = RowMajor::Zero(12, 9);
    LowRank{r, 1}.add(other, {61, r, 0}, 1.0);
    CHECK((z - other).cwiseAbs().maxCoeff() < 1e-14);
    Eigen::MatrixXf single = Eigen::MatrixXf::Zero(12, 9);
    LowRank{r, 1}.add(single, {61, r, 0}, 1.0);
    CHECK((z - single.cast<double>()).cwiseAbs().maxCoeff() < 1e-5);
  }
  CHECK(rank(matrix({20, 1}, {61, 0, 0})) == 9);
}

TEST_CASE("V is kept for `hold` steps and then sampled again; U is new in every step", "[perturb]") {
  const LowRank distribution{2, 3};
  const auto z = [&](std::uint32_t step, std::uint32_t query = 0) {
    return matrix(distribution, {62, step, query});
  };
  CHECK(joint_rank(z(0), z(1)) == 2);
  CHECK(joint_rank(z(0), z(2)) == 2);
  CHECK(joint_rank(z(2), z(3)) == 4);
  CHECK(joint_rank(z(3), z(5)) == 2);
  CHECK(joint_rank(z(0), z(0, 1)) == 4);  // queries differ in V
  CHECK(joint_rank(z(0).transpose(), z(1).transpose()) == 4);
  CHECK(joint_rank(matrix({2, 1}, {62, 0, 0}), matrix({2, 1}, {62, 1, 0})) == 4);
  CHECK(joint_rank(matrix({2, 0}, {62, 0, 0}), matrix({2, 0}, {62, 9999, 0})) == 2);
}

TEST_CASE("vectors are Gaussian, with and without a matrix in θ", "[perturb]") {
  const Eigen::VectorXd vector = Eigen::VectorXd::Zero(50);
  CHECK(shapes::noise(LowRank{2, 1}, vector, {63, 1, 2}) == shapes::noise(Gaussian{}, vector, {63, 1, 2}));
  const Eigen::MatrixXd row = Eigen::MatrixXd::Zero(1, 50);
  CHECK(shapes::noise(LowRank{2, 1}, row, {63, 1, 2}) == shapes::noise(Gaussian{}, row, {63, 1, 2}));
  const shapes::Mixed mixed{std::vector<float>(9), std::vector<double>(8)};
  CHECK(shapes::noise(LowRank{2, 1}, mixed, {63, 1, 2}) == shapes::noise(Gaussian{}, mixed, {63, 1, 2}));
  shapes::Layer<double> layer(7, 8), dense(7, 8);
  LowRank{3, 1}.add(layer, {63, 1, 2}, 1.0);
  Gaussian{}.add(dense, {63, 1, 2}, 1.0);
  CHECK(rank(layer.weight) == 3);
  CHECK(layer.bias == dense.bias);
}

TEST_CASE("E3 and E8: second moments of low-rank directions", "[perturb]") {
  const Eigen::MatrixXd zero = Eigen::MatrixXd::Zero(4, 3);
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(12, -1.0, 2.0);
  CHECK(LowRank{1, 1}.second_moment_factor(4, 3) == (4 + 2) * (3 + 2));
  CHECK(LowRank{4, 1}.second_moment_factor(4, 3) == 12 + 2 + 4);
  CHECK(LowRank{4, 1}.second_moment_factor(1, 3) == 5);
  CHECK(LowRank{4, 1}.second_moment_factor(12) == 14);
  const std::uint32_t r = GENERATE(1U, 2U, 4U, 8U, 16U);
  const LowRank distribution{r, 1};
  CHECK(distribution.second_moment_factor(4, 3) == Approx(14.0 + 16.0 / r));
  const double factor = distribution.second_moment_factor(4, 3);
  CHECK(shapes::moment_deviation(distribution, zero, g, factor, 200000, 64) < 5.0);
  // Seen to fail: the distribution of one rank more, and a scale that is wrong.
  if (r < 4) CHECK(shapes::moment_deviation(LowRank{r + 1, 1}, zero, g, factor, 200000, 64) > 5.0);
  if (r > 1) CHECK(shapes::moment_deviation(Unscaled{distribution}, zero, g, factor, 20000, 64) > 5.0);
}

TEST_CASE("E8: low-rank estimates have no bias, with V kept or not", "[perturb]") {
  const Eigen::MatrixXd zero = Eigen::MatrixXd::Zero(4, 3);
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(12, -1.0, 2.0);
  statistics::Mean mean(12);
  for (std::uint32_t k = 0; k < 200000; ++k) {
    const Eigen::VectorXd z = shapes::noise(LowRank{2, 1}, zero, {65, k, 0});
    mean.add(g.dot(z) * z);
  }
  CHECK(mean.deviation(g) < 5.0);
  CHECK(mean.deviation(1.05 * g) > 5.0);
}

TEST_CASE("bad ranks and matrices with gaps are refused", "[perturb]") {
  CHECK_THROWS_WITH((LowRank{0, 1}.check()), contains("rank = 0"));
  zofo::LowRankFactors factors(2);
  CHECK_THROWS_WITH(factors.add(3, {}, {}, 4, 5, 8, 1), contains("tensor 3") && contains("4 x 5"));
}
