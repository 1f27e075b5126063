#include "zofo/bilevel/solver.hpp"

#include <Eigen/Core>
#include <Eigen/LU>
#include <algorithm>
#include <set>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/exact.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using zofo::BilevelOptions;
using zofo::Central;
using zofo::Gaussian;
using zofo::Policies;
using zofo::Solver;
using zofo::problems::Quadratic;
namespace outer = zofo::outer;
namespace inner = zofo::inner;

namespace {

std::vector<Quadratic> tasks(std::size_t count) {
  std::vector<Quadratic> list;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(zofo::problems::random_quadratic(
        {VectorXd::LinSpaced(6, 1.0, 2.0), VectorXd::LinSpaced(4, 1.0, 3.0)}, 20 + i));
  return list;
}
using Pairs = std::vector<zofo::AdapterPair<VectorXd>>;
Pairs zeros(std::size_t count) { return Pairs(count, {VectorXd::Zero(4), VectorXd::Zero(4)}); }
// θ at which the mean of ∇L*_λ over the tasks is 0: L*_λ is quadratic, so n + 1 gradients give it.
VectorXd minimiser(const std::vector<Quadratic>& list, double penalty) {
  const auto gradient = [&](const VectorXd& theta) {
    VectorXd sum = VectorXd::Zero(6);
    for (const Quadratic& q : list) sum += q.penalty_value_gradient(theta, penalty);
    return sum;
  };
  const VectorXd g0 = gradient(VectorXd::Zero(6));
  Eigen::MatrixXd hessian(6, 6);
  for (Eigen::Index i = 0; i < 6; ++i) hessian.col(i) = gradient(VectorXd::Unit(6, i)) - g0;
  return -hessian.lu().solve(g0);
}

}  // namespace

TEST_CASE("meta-training reaches the minimiser of the mean penalty", "[bilevel]") {
  auto list = tasks(3);
  const std::uint32_t count = GENERATE(0U, 3U);
  Solver solver(
      list, Policies{Gaussian{}, Central{1e-3, 1, 5}, outer::Sgd{0.03}, inner::Exact{}},
      BilevelOptions{.outer_steps = 2500, .inner_steps = 1, .penalty = 10.0, .tasks_per_step = count});
  VectorXd theta = VectorXd::Zero(6);
  Pairs adapters = zeros(3);
  solver.solve(theta, adapters);
  CHECK((theta - minimiser(list, 10.0)).norm() < 1e-4);
  for (std::size_t i = 0; i < 3; ++i) {  // each task's adapters are its own solutions
    CHECK((adapters[i].lower - list[i].lower_solution(theta)).norm() < 1e-3);
    CHECK((adapters[i].upper - list[i].penalty_solution(theta, 10.0)).norm() < 1e-3);
  }
}

TEST_CASE("a task that is not sampled keeps its adapters, and its moments", "[bilevel]") {
  auto list = tasks(5);
  Solver solver(list, Policies{Gaussian{}, Central{1e-3, 1, 5}, outer::Sgd{0.01}, inner::Adam{.rate = 0.05}},
                BilevelOptions{.outer_steps = 200, .inner_steps = 2, .penalty = 10.0, .tasks_per_step = 2});
  VectorXd theta = VectorXd::Zero(6);
  Pairs adapters = zeros(5);
  std::vector<int> sampled(5);
  for (int k = 0; k < 200; ++k) {
    const Pairs before = adapters;
    solver.step(theta, adapters);
    const std::set<std::size_t> now(solver.sampled().begin(), solver.sampled().end());
    REQUIRE(now.size() == 2);
    for (std::size_t task = 0; task < 5; ++task) {
      const bool moved =
          adapters[task].upper != before[task].upper || adapters[task].lower != before[task].lower;
      CHECK(moved == now.contains(task));
      sampled[task] += static_cast<int>(now.contains(task));
      CHECK(solver.state().tasks[task].lower.steps == 2 * static_cast<std::uint64_t>(sampled[task]));
    }
  }
  // Binomial(200, 0.4): 80 ± 7; five standard errors are a false alarm in 3e-6 for the five tasks.
  for (const int count : sampled) CHECK(std::abs(count - 80) < 35);
}

TEST_CASE("each task equals the solver of one problem while θ is fixed", "[bilevel]") {
  auto list = tasks(2);
  VectorXd theta = VectorXd::Zero(6);
  Pairs adapters = zeros(2);
  Solver both(list, Policies{Gaussian{}, Central{1e-3, 1, 5}, outer::Sgd{0.0}, inner::GradientDescent{0.05}},
              BilevelOptions{.outer_steps = 7, .inner_steps = 2, .penalty = 10.0});
  both.solve(theta, adapters);
  for (std::size_t i = 0; i < 2; ++i) {  // θ is fixed, so that the tasks are independent
    std::vector<Quadratic> one{list[i]};
    Pairs alone = zeros(1);
    Solver solver(one,
                  Policies{Gaussian{}, Central{1e-3, 1, 5}, outer::Sgd{0.0}, inner::GradientDescent{0.05}},
                  BilevelOptions{.outer_steps = 7, .inner_steps = 2, .penalty = 10.0});
    solver.solve(theta, alone);
    CHECK(alone[0].upper == adapters[i].upper);
    CHECK(alone[0].lower == adapters[i].lower);
  }
}

TEST_CASE("wrong numbers of tasks are named", "[bilevel]") {
  auto list = tasks(2);
  const auto make = [&](std::uint32_t count) {
    return Solver(list, Policies{Gaussian{}, Central{}, outer::Sgd{}, inner::GradientDescent{}},
                  BilevelOptions{.tasks_per_step = count});
  };
  CHECK_THROWS_WITH(make(3), contains("tasks_per_step = 3"));
  VectorXd theta = VectorXd::Zero(6);
  Pairs adapters = zeros(3);
  auto solver = make(0);
  CHECK_THROWS_WITH(solver.step(theta, adapters), contains("3 pairs for 2 tasks"));
  std::vector<Quadratic> none;
  CHECK_THROWS_WITH(
      Solver(none, Policies{Gaussian{}, Central{}, outer::Sgd{}, inner::GradientDescent{}}, BilevelOptions{}),
      contains("tasks: 0"));
}
