// Perturbed copies of θ against `add` on a copy, for every distribution.
#include <Eigen/Core>
#include <cstdint>
#include <list>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "perturb/shapes.hpp"
#include "zofo/core/error.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sparse.hpp"
#include "zofo/perturb/sphere.hpp"

using namespace zofo;

static_assert(FillablePerturbation<Sphere, Eigen::VectorXf> && !CoordinatewisePerturbation<Sphere>);
static_assert(BindablePerturbation<Orthogonal, shapes::Mixed> &&
              BindablePerturbation<LowRank, shapes::Layer<float>>);
static_assert(BindablePerturbation<Sparse<Sphere, RandomMask>, Eigen::MatrixXd>);
static_assert(!BindablePerturbation<Gaussian, Eigen::VectorXd> &&
              !BindablePerturbation<Sphere, std::list<float>>);
static_assert(HasMatrices<Eigen::MatrixXf> && HasMatrices<shapes::Layer<double>> &&
              !HasMatrices<shapes::Mixed>);

namespace {

// More tensors than are looked up in one walk.
struct Many {
  std::vector<std::vector<float>> tensors;
};
template <class F>
void for_each_tensor(Many& theta, F&& f) {
  for (std::size_t i = 0; i < theta.tensors.size(); ++i)
    f(static_cast<std::uint32_t>(i), theta.tensors[i].data(), theta.tensors[i].size());
}

struct OnlyAdds {
  void add(Eigen::VectorXd& x, Direction d, double a) const { Gaussian{}.add(x, d, a); }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return Gaussian{}.second_moment_factor(d);
  }
};

template <class Distribution, class Theta>
void check_updates(const Distribution& distribution, const Theta& start) {
  const Direction direction{4, 2, 1};
  Theta up = start, down = start, out = start, plus = start, minus = start;
  distribution.add(up, direction, 0.25);
  distribution.add(down, direction, -0.25);
  write_perturbed(distribution, start, direction, 0.25, out);
  write_perturbed_pair(distribution, start, direction, 0.25, plus, minus);
  // One rounding apart at most (a compiler may fuse or not): entries are below 16.
  const double margin = std::is_same_v<Theta, Eigen::VectorXd> ? 4e-15 : 2e-6;
  CHECK((shapes::flat(up) - shapes::flat(start)).norm() > 0.0);
  CHECK((shapes::flat(out) - shapes::flat(up)).cwiseAbs().maxCoeff() <= margin);
  CHECK((shapes::flat(plus) - shapes::flat(up)).cwiseAbs().maxCoeff() <= margin);
  CHECK((shapes::flat(minus) - shapes::flat(down)).cwiseAbs().maxCoeff() <= margin);
  Theta self = start;
  write_perturbed(distribution, self, direction, 0.25, self);
  CHECK(shapes::flat(self) == shapes::flat(out));
  Theta first = start, second = start;
  write_perturbed_pair(distribution, first, direction, 0.25, first, second);
  CHECK((shapes::flat(first) == shapes::flat(plus) && shapes::flat(second) == shapes::flat(minus)));
  Theta third = start, fourth = start;
  write_perturbed_pair(distribution, fourth, direction, 0.25, third, fourth);
  CHECK((shapes::flat(third) == shapes::flat(plus) && shapes::flat(fourth) == shapes::flat(minus)));
}

template <class Distribution>
void check_on_every_shape(const Distribution& distribution) {
  check_updates(distribution, Eigen::VectorXd{Eigen::VectorXd::LinSpaced(66000, -1.0, 1.0)});
  check_updates(distribution, Eigen::VectorXf{Eigen::VectorXf::LinSpaced(1031, -1.0F, 1.0F)});
  check_updates(distribution, Eigen::MatrixXf{Eigen::MatrixXf::Constant(31, 45, 0.5F)});
  check_updates(distribution, shapes::Layer<float>(23, 31));
  check_updates(distribution, shapes::Layer<double>(7, 9));
  check_updates(distribution, shapes::Mixed{std::vector<float>(100, 0.5F), std::vector<double>(77, -0.25)});
}

}  // namespace

TEST_CASE("perturbed copies equal add on a copy", "[perturb]") {
  check_on_every_shape(Gaussian{});
  check_on_every_shape(Rademacher{});
  check_on_every_shape(Sphere{});
  check_on_every_shape(Coordinate{});
  check_on_every_shape(Orthogonal{2});
  check_on_every_shape(LowRank{2, 1});
  check_on_every_shape(Sparse{Gaussian{}, RandomMask{0.3, 1, 1}});
  check_on_every_shape(Sparse{LowRank{3, 2}, RandomMask{0.3, 1, 1}});
  check_updates(OnlyAdds{}, Eigen::VectorXd{Eigen::VectorXd::LinSpaced(10, -1.0, 1.0)});
}

TEST_CASE("floats are perturbed with one rounding, the same in add and in copies", "[perturb]") {
  const Eigen::VectorXf start = Eigen::VectorXf::LinSpaced(70001, -1.0F, 1.0F);
  Eigen::VectorXf moved = start, out = start;
  Gaussian{}.add(moved, {1, 2, 3}, 1e-3);
  write_perturbed(Gaussian{}, start, {1, 2, 3}, 1e-3, out);
  CHECK(moved == out);
}

TEST_CASE("every tensor of a θ with many is perturbed", "[perturb]") {
  Many start;
  for (std::size_t i = 0; i < 70; ++i) start.tensors.emplace_back(i % 5 + 1, 1.0F);
  check_updates(Gaussian{}, start);
  check_updates(Sphere{}, start);
}

TEST_CASE("copies of another shape are refused", "[perturb]") {
  const Eigen::VectorXd theta = Eigen::VectorXd::Zero(4);
  Eigen::VectorXd three = Eigen::VectorXd::Zero(3), four = theta;
  CHECK_THROWS_WITH(write_perturbed(Gaussian{}, theta, {}, 1.0, three), contains("tensor 0 has 3 entries"));
  CHECK_THROWS_WITH(write_perturbed_pair(Gaussian{}, theta, {}, 1.0, four, three), contains("θ's has 4"));
}

TEST_CASE("every distribution has the same bits on any number of threads", "[perturb]") {
  const Eigen::VectorXf vector = Eigen::VectorXf::LinSpaced(300000, -1.0F, 1.0F);
  shapes::Layer<double> layer(400, 500);
  CHECK(shapes::same_on_any_threads(Gaussian{}, vector));
  CHECK(shapes::same_on_any_threads(Rademacher{}, layer));
  CHECK(shapes::same_on_any_threads(Sphere{}, vector));
  CHECK(shapes::same_on_any_threads(Sphere{}, layer));
  CHECK(shapes::same_on_any_threads(Coordinate{}, layer));
  CHECK(shapes::same_on_any_threads(Orthogonal{2}, vector));
  CHECK(shapes::same_on_any_threads(Orthogonal{3}, layer));
  CHECK(shapes::same_on_any_threads(LowRank{3, 2}, layer));
  CHECK(shapes::same_on_any_threads(Sparse{Gaussian{}, RandomMask{0.1, 3, 1}}, vector));
}

TEST_CASE("bound distributions do not depend on how a range is split", "[perturb]") {
  const shapes::Layer<float> layer(61, 73);
  const std::size_t n = 61 * 73;
  CHECK(shapes::same_in_pieces(Sphere{}, layer, 5, n));
  CHECK(shapes::same_in_pieces(Coordinate{}, layer, 5, n));
  CHECK(shapes::same_in_pieces(Orthogonal{3}, layer, 5, n));
  CHECK(shapes::same_in_pieces(LowRank{4, 1}, layer, 5, n));
  CHECK(shapes::same_in_pieces(Sparse{Sphere{}, RandomMask{0.5, 3, 1}}, layer, 5, n));
}
