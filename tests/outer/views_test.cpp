// θ in somebody else's buffer: perturbations and outer optimisers give the bits that they give on a vector.
#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "catch.hpp"
#include "outer/estimates.hpp"
#include "zofo/outer/adam.hpp"
#include "zofo/outer/ball.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/lion.hpp"
#include "zofo/outer/momentum.hpp"
#include "zofo/outer/projected.hpp"
#include "zofo/outer/rms_scalar.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/outer/sign.hpp"
#include "zofo/outer/step_clipping.hpp"
#include "zofo/perturb/coordinate.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/perturb/sphere.hpp"

using Eigen::VectorXd;
using zofo::Gaussian;
namespace outer = zofo::outer;

namespace {

using Map = Eigen::Map<VectorXd>;
using Ref = Eigen::Ref<VectorXd>;
using Span = std::span<double>;

template <class V>
V view(VectorXd& x) {
  if constexpr (std::is_same_v<V, Ref>)
    return V(x);
  else if constexpr (std::is_same_v<V, Span>)
    return V(x.data(), static_cast<std::size_t>(x.size()));
  else
    return V(x.data(), x.size());
}
// θ after three updates, as itself and through a view.
template <class V, class Outer>
void check_outer(const Outer& solver) {
  VectorXd expected = VectorXd::LinSpaced(1500, -1.0, 1.0), numbers = expected;
  V theta = view<V>(numbers);
  static_assert(zofo::outer::OuterOptimizer<Outer, V, Gaussian>);
  typename Outer::template State<VectorXd> expected_state;
  typename Outer::template State<V> state;
  for (std::uint32_t k = 0; k < 3; ++k) {
    solver.apply(expected, Gaussian{}, estimates::at(k), expected_state);
    solver.apply(theta, Gaussian{}, estimates::at(k), state);
  }
  CHECK(numbers == expected);
  CHECK(numbers != VectorXd::LinSpaced(1500, -1.0, 1.0));
}
template <class V, class D>
void check_perturbation_of(const D& perturbation) {
  static_assert(zofo::Perturbation<D, V> && zofo::FillablePerturbation<D, V>);
  const VectorXd start = VectorXd::LinSpaced(1500, -1.0, 1.0);
  VectorXd expected = start, numbers = start, plus = start, minus = start;
  perturbation.add(expected, {3, 1, 0}, 0.5);
  V theta = view<V>(numbers), up = view<V>(plus), down = view<V>(minus);
  zofo::write_perturbed_pair(perturbation, theta, {3, 1, 0}, 0.5, up, down);
  CHECK(plus == expected);
  CHECK(numbers == start);
  zofo::write_perturbed(perturbation, theta, {3, 1, 0}, 0.5, down);
  CHECK(minus == expected);
  perturbation.add(theta, {3, 1, 0}, 0.5);
  CHECK(numbers == expected);
}

// It has no fill: perturbed copies are made by copying the numbers.
struct OnlyAdds {
  template <class Theta>
  void add(Theta& theta, zofo::Direction z, double a) const {
    Gaussian{}.add(theta, z, a);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("outer optimisers update views", "[outer]", Map, Ref, Span) {
  check_outer<TestType>(outer::Sgd{.rate = 0.1});
  check_outer<TestType>(outer::Momentum{.rate = 0.1});
  check_outer<TestType>(outer::Adam{.rate = 0.1});
  check_outer<TestType>(outer::Sign{.rate = 0.1});
  check_outer<TestType>(outer::Lion{.rate = 0.1});
  check_outer<TestType>(outer::RmsScalar{.rate = 0.1});
  check_outer<TestType>(outer::StepClipping{outer::Sgd{.rate = 0.1}, 0.01});
  check_outer<TestType>(outer::Projected{outer::Sgd{.rate = 0.1}, outer::Ball(3.0)});
  check_outer<TestType>(outer::Projected{outer::Sgd{.rate = 0.1}, outer::Box{-0.5, 0.5}});
}

TEMPLATE_TEST_CASE("perturbations update views and write perturbed copies into them", "[outer][perturb]", Map,
                   Ref, Span) {
  check_perturbation_of<TestType>(Gaussian{});
  check_perturbation_of<TestType>(zofo::Rademacher{});
  check_perturbation_of<TestType>(zofo::Sphere{});
  check_perturbation_of<TestType>(zofo::Coordinate{});
  check_perturbation_of<TestType>(zofo::Orthogonal{2});
  check_perturbation_of<TestType>(zofo::LowRank{2, 1});
}

TEMPLATE_TEST_CASE("a perturbation that only adds writes into views too", "[outer][perturb]", Map, Ref,
                   Span) {
  const VectorXd start = VectorXd::Ones(9);
  VectorXd numbers = start, plus = start, minus = start, expected = start;
  TestType theta = view<TestType>(numbers), up = view<TestType>(plus), down = view<TestType>(minus);
  OnlyAdds{}.add(expected, {3, 1, 0}, 0.5);
  zofo::write_perturbed_pair(OnlyAdds{}, theta, {3, 1, 0}, 0.5, up, down);
  CHECK(plus == expected);
  CHECK((plus + minus - 2.0 * start).norm() < 1e-15);
  CHECK(numbers == start);
}
