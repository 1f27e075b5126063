// An update that throws does not change a bit of θ and of the optimiser's state, and can be repeated.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "outer/estimates.hpp"
#include "outer/list_fields.hpp"
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
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/magnitude_mask.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/sparse.hpp"

using Eigen::VectorXd;
using zofo::Gaussian;
using zofo::ZoGradient;
namespace outer = zofo::outer;

namespace {

// The estimate of step 1 with a number in the place of its second coefficient.
ZoGradient bad(double coefficient) {
  ZoGradient g = estimates::at(1);
  g.terms[1].coefficient = coefficient;
  return g;
}

// One good step, then `attempt`, which has to throw, then a good step: the same as the two good ones.
template <class Outer, class Attempt>
void check_retry(const Outer& solver, const Attempt& attempt) {
  using State = typename Outer::template State<VectorXd>;
  VectorXd theta = VectorXd::LinSpaced(3000, -1.0, 1.0), expected = theta;
  State state, expected_state;
  solver.apply(theta, Gaussian{}, estimates::at(0), state);
  solver.apply(expected, Gaussian{}, estimates::at(0), expected_state);
  REQUIRE(theta == expected);
  REQUIRE_THROWS_AS(attempt(solver, theta, state), zofo::Error);
  CHECK(theta == expected);
  CHECK(fields::listed(state) == fields::listed(expected_state));
  solver.apply(theta, Gaussian{}, estimates::at(1), state);
  solver.apply(expected, Gaussian{}, estimates::at(1), expected_state);
  CHECK(theta == expected);
  CHECK(fields::listed(state) == fields::listed(expected_state));
}

// Every way in which an update cannot be applied.
template <class Outer>
void check_all(const Outer& solver) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double c : {inf, std::nan("")})
    check_retry(solver, [c](const auto& o, VectorXd& theta, auto& state) {
      o.apply(theta, Gaussian{}, bad(c), state);
    });
  // The second term's direction is one that the perturbation lacks: the first must not have been added.
  check_retry(solver, [](const auto& o, VectorXd& theta, auto& state) {
    o.apply(theta, zofo::Orthogonal{1}, estimates::at(1), state);
  });
  const zofo::Sparse masked{Gaussian{}, zofo::MagnitudeMask(VectorXd(VectorXd::Ones(7)), 0.5)};
  check_retry(solver, [&](const auto& o, VectorXd& theta, auto& state) {
    o.apply(theta, masked, estimates::at(1), state);
  });
}
// check_update throws what apply throws, and nothing where apply does not.
template <class Outer>
void check_requests(const Outer& solver) {
  static_assert(zofo::outer::ChecksUpdate<Outer, VectorXd, Gaussian>);
  VectorXd theta = VectorXd::Ones(50);
  typename Outer::template State<VectorXd> state;
  CHECK_NOTHROW(solver.check_update(theta, Gaussian{}, estimates::at(0), state));
  CHECK_THROWS_WITH(solver.check_update(theta, Gaussian{}, bad(INFINITY), state),
                    contains("coefficient 1 of the estimate is inf"));
  CHECK_THROWS_WITH(solver.check_update(theta, zofo::Orthogonal{1}, estimates::at(0), state),
                    contains("query = 1"));
  CHECK(theta == VectorXd::Ones(50));
}

// A set that changes θ and then throws where it is too far from 0.
struct Spiteful {
  void project(VectorXd& theta) const {
    const double length = theta.norm();
    theta *= 0.5;
    zofo::require(length < 1e6, "θ is {} long", length);
  }
};

}  // namespace

TEST_CASE("every optimiser leaves θ and its state when an update cannot be applied", "[outer]") {
  check_all(outer::Sgd{.rate = 0.1});
  check_all(outer::Momentum{.rate = 0.1});
  check_all(outer::Adam{.rate = 0.1});
  check_all(outer::Sign{.rate = 0.1});
  check_all(outer::Lion{.rate = 0.1});
  check_all(outer::RmsScalar{.rate = 0.1});
  check_all(outer::StepClipping{outer::Sgd{.rate = 0.1}, 0.5});
  check_all(outer::StepClipping{outer::Momentum{.rate = 0.1}, 0.5});
  check_all(outer::Projected{outer::Sgd{.rate = 0.1}, outer::Ball(3.0)});
  check_all(outer::Projected{outer::Adam{.rate = 0.1}, outer::Box{-0.5, 0.5}});
}

TEST_CASE("check_update throws what apply would throw", "[outer]") {
  check_requests(outer::Sgd{.rate = 0.1});
  check_requests(outer::Momentum{.rate = 0.1});
  check_requests(outer::Adam{.rate = 0.1});
  check_requests(outer::Sign{.rate = 0.1});
  check_requests(outer::Lion{.rate = 0.1});
  check_requests(outer::RmsScalar{.rate = 0.1});
  check_requests(outer::StepClipping{outer::Sgd{.rate = 0.1}, 0.5});
  check_requests(outer::StepClipping{outer::Momentum{.rate = 0.1}, 0.5});
  static_assert(!zofo::outer::ChecksUpdate<outer::Projected<outer::Sgd, outer::Box>, VectorXd, Gaussian>);
}

TEST_CASE("RmsScalar leaves θ and its state when ρ² leaves the range of a double, or q is not given",
          "[outer]") {
  check_retry(outer::RmsScalar{.rate = 0.1}, [](const auto& o, VectorXd& theta, auto& state) {
    o.apply(theta, Gaussian{}, bad(1e200), state);
  });
  check_retry(outer::RmsScalar{.rate = 0.1}, [](const auto& o, VectorXd& theta, auto& state) {
    o.apply(theta, Gaussian{}, ZoGradient{estimates::at(1).terms}, state);
  });
  VectorXd theta = VectorXd::Ones(3);
  outer::RmsScalar::State<VectorXd> state;
  CHECK_THROWS_WITH(outer::RmsScalar{}.apply(theta, Gaussian{}, {{{{}, 1.0}}}, state),
                    contains("outer step 0: the estimate's number of queries is 0"));
}

TEST_CASE("Projected leaves θ and the state when the set throws, before or after it changed θ", "[outer]") {
  // A step to infinity, where a ball has no nearest point.
  const outer::Projected ball{outer::Sgd{.rate = 1e10}, outer::Ball(2.0)};
  check_retry(ball, [](const auto& o, VectorXd& theta, auto& state) {
    o.apply(theta, Gaussian{}, bad(1e305), state);
  });
  VectorXd theta = VectorXd::LinSpaced(9, -1.0, 1.0);
  outer::Sgd::State<VectorXd> state;
  const VectorXd before = theta;
  CHECK_THROWS_WITH(ball.apply(theta, Gaussian{}, bad(1e305), state), contains("distance from the centre"));
  CHECK(theta == before);
  CHECK(state.steps == 0);
  check_retry(outer::Projected{outer::Momentum{.rate = 0.1}, Spiteful{}},
              [](const auto& o, VectorXd& x, auto& s) { o.apply(x, Gaussian{}, bad(1e9), s); });
}

TEST_CASE("Projected leaves a view's numbers too", "[outer]") {
  std::vector<double> numbers{-1.0, 0.5, 2.0};
  const std::vector<double> before = numbers;
  Eigen::Map<VectorXd> theta(numbers.data(), 3);
  const outer::Projected ball{outer::Sgd{.rate = 1e10}, outer::Ball(2.0)};
  outer::Sgd::State<Eigen::Map<VectorXd>> state;
  CHECK_THROWS_AS(ball.apply(theta, Gaussian{}, bad(1e305), state), zofo::Error);
  CHECK(numbers == before);
  ball.apply(theta, Gaussian{}, estimates::at(1), state);
  CHECK(theta.norm() == Approx(2.0));
  CHECK(numbers != before);
}

TEST_CASE("a perturbation that does not suit θ is found before θ is updated", "[outer]") {
  VectorXd theta = VectorXd::Ones(5);
  outer::Sgd::State<VectorXd> state;
  CHECK_THROWS_WITH(outer::Sgd{.rate = 1.0}.apply(theta, zofo::Orthogonal{9}, estimates::at(0), state),
                    contains("queries = 9"));
  CHECK_THROWS_WITH((outer::Sgd{.rate = 1.0}.apply(theta, zofo::LowRank{.rank = 0}, estimates::at(0), state)),
                    contains("rank = 0"));
  CHECK(theta == VectorXd::Ones(5));
  CHECK(state.steps == 0);
}
