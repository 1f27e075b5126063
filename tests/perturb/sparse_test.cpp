// Statistical checks are at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include "zofo/perturb/sparse.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "estimate/statistics.hpp"
#include "perturb/shapes.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sphere.hpp"

using zofo::Central;
using zofo::Direction;
using zofo::Gaussian;
using zofo::MagnitudeMask;
using zofo::Rademacher;
using zofo::RandomMask;
using zofo::Sparse;

namespace {

const Eigen::VectorXd kZero = Eigen::VectorXd::Zero(10000);

Eigen::ArrayXd kept(const RandomMask& mask, Direction direction) {
  return shapes::noise(Sparse{Rademacher{}, mask}, kZero, direction).array().abs();
}

// The indices that a sort by magnitude keeps.
template <class T>
std::vector<bool> smallest(const std::vector<T>& x, std::size_t count) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return std::abs(x[i]); });
  std::vector<bool> keep(x.size());
  for (std::size_t i = 0; i < count; ++i) keep[order[i]] = true;
  return keep;
}

}  // namespace

TEST_CASE("off the mask z is zero, on it z is the base distribution's", "[perturb]") {
  const Sparse distribution{Gaussian{}, RandomMask{0.25, 7, 1}};
  const Eigen::VectorXd dense = shapes::noise(Gaussian{}, kZero, {71, 2, 3});
  const Eigen::VectorXd z = shapes::noise(distribution, kZero, {71, 2, 3});
  const Eigen::ArrayXd on = kept({0.25, 7, 1}, {71, 2, 3});
  CHECK((z.array() == on * dense.array()).all());
  CHECK(std::abs(on.sum() - 2500.0) < 5.0 * std::sqrt(10000 * 0.25 * 0.75));
  CHECK(std::abs(on.sum() - 2300.0) > 4.0 * std::sqrt(10000 * 0.25 * 0.75));
  CHECK(shapes::noise(Sparse{Gaussian{}, RandomMask{1.0, 7, 1}}, kZero, {71, 2, 3}) == dense);
  Eigen::VectorXf moved = Eigen::VectorXf::Constant(10000, 0.1F);
  distribution.add(moved, {71, 2, 3}, 1e-3);
  CHECK(((moved.array() == 0.1F) || (on > 0.5)).all());
}

TEST_CASE("a random mask is kept for `hold` steps, shared by queries, and independent of z", "[perturb]") {
  const RandomMask mask{0.5, 71, 3};
  const auto on = [&](std::uint32_t step, std::uint32_t query = 0) { return kept(mask, {71, step, query}); };
  CHECK((on(0) == on(2)).all());
  CHECK((on(0) == on(0, 4)).all());
  CHECK_FALSE((on(2) == on(3)).all());
  CHECK((kept({0.5, 71, 0}, {71, 1, 0}) == kept({0.5, 71, 0}, {71, 9999, 0})).all());
  // Seed and step of the mask are those of the direction: z is still independent of it.
  const Eigen::VectorXd z = shapes::noise(Gaussian{}, kZero, {71, 0, 0});
  CHECK(std::abs(((on(0) - 0.5) * z.array().abs()).sum()) < 5.0 * 0.5 * z.norm());
  CHECK(std::abs(((on(0) - 0.5) * z.array()).sum()) < 5.0 * 0.5 * z.norm());
}

TEST_CASE("a magnitude mask keeps exactly the smallest of each tensor", "[perturb]") {
  shapes::Mixed theta{{3.0F, -1.0F, 2.0F, 1.0F, -1.0F, 0.0F, 5.0F, 1.0F, 9.0F, -7.0F}, {}};
  Eigen::VectorXd other = Eigen::VectorXd::Zero(1003);
  zofo::Gaussian{}.add(other, {72, 0, 0}, 100.0);
  theta.second.assign(other.begin(), other.end());
  for (const double fraction : {0.01, 0.3, 0.37, 0.9, 1.0}) {
    const MagnitudeMask mask(theta, fraction);
    const auto count = [&](double n) {
      return static_cast<std::size_t>(std::max(1.0, std::round(fraction * n)));
    };
    const auto first = smallest(theta.first, count(10)), second = smallest(theta.second, count(1003));
    CHECK(mask.kept() == count(10) + count(1003));
    bool same = true;
    for (std::size_t i = 0; i < 10; ++i) same = same && mask.keeps(3, i) == first[i];
    for (std::size_t i = 0; i < 1003; ++i) same = same && mask.keeps(4, i) == second[i];
    CHECK(same);
    const Eigen::VectorXd z =
        shapes::noise(Sparse{Rademacher{}, mask}, theta, {73, 1, 0}) - shapes::flat(theta);
    bool exact = true;
    for (Eigen::Index i = 0; i < 10; ++i)
      exact = exact && (z[i] != 0.0) == first[static_cast<std::size_t>(i)];
    for (Eigen::Index i = 0; i < 1003; ++i)
      exact = exact && (z[10 + i] != 0.0) == second[static_cast<std::size_t>(i)];
    CHECK(exact);
  }
}

TEST_CASE("second moments under masks", "[perturb]") {
  const Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(10, -1.0, 2.0);
  const Sparse random{Gaussian{}, RandomMask{0.35, 74, 1}};
  CHECK(random.second_moment_factor(10) == Approx(1.0 + 0.35 * 9.0 + 2.0));
  const double whole = 0.35 * random.second_moment_factor(10);  // to the whole gradient
  CHECK(statistics::moment_deviation(Central{0.1, 1, 75}, random, g, whole, 200000) < 5.0);
  CHECK(statistics::moment_deviation(Central{0.1, 1, 75}, random, g, 0.35 * 12.0, 200000) > 5.0);

  const Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(10, 1.0, 2.0);
  const Sparse fixed{Rademacher{}, MagnitudeMask(theta, 0.4)};
  CHECK(fixed.second_moment_factor(10) == 4.0);
  CHECK(Sparse{Gaussian{}, MagnitudeMask(theta, 0.4)}.second_moment_factor(10) == 6.0);
  const double part = g.head(4).squaredNorm() / g.squaredNorm();
  CHECK(statistics::moment_deviation(Central{0.1, 1, 76}, fixed, g, 4.0 * part, 200000) < 5.0);
  Eigen::VectorXd masked = g;
  masked.tail(6).setZero();
  const auto f = [&g](const Eigen::VectorXd& x) { return g.dot(x); };
  CHECK(statistics::mean_deviation(Central{0.1, 1, 77}, fixed, f, theta, masked, 200000) < 5.0);
  CHECK(statistics::mean_deviation(Central{0.1, 1, 77}, fixed, f, theta, g, 2000) > 5.0);
}

TEST_CASE("bad fractions and masks of another θ are refused", "[perturb]") {
  const Eigen::VectorXd theta = Eigen::VectorXd::LinSpaced(4, 1.0, 2.0);
  CHECK_THROWS_WITH((Sparse{Gaussian{}, RandomMask{0.0, 1, 1}}.check()), contains("fraction = 0"));
  CHECK_THROWS_WITH((RandomMask{std::numeric_limits<double>::quiet_NaN(), 1, 1}.check()), contains("nan"));
  CHECK_THROWS_WITH(MagnitudeMask(theta, 1.5), contains("fraction = 1.5"));
  CHECK_THROWS_WITH(MagnitudeMask(Eigen::VectorXd{Eigen::VectorXd::Constant(3, std::nan(""))}, 0.5),
                    contains("entry 0 of tensor 0"));
  Eigen::VectorXd longer = Eigen::VectorXd::Zero(5);
  const Sparse distribution{Gaussian{}, MagnitudeMask(theta, 0.5)};
  CHECK_THROWS_WITH(distribution.add(longer, {}, 1.0),
                    contains("tensor 0 has 5 entries") && contains("made for 4"));
  shapes::Mixed mixed{std::vector<float>(4), {}};
  CHECK_THROWS_WITH(distribution.add(mixed, {}, 1.0), contains("tensor 3 has 4 entries"));
}
