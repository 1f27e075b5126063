// A user's BilevelProblem with batched requests, compared with the same tasks as four functions each.
#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/exact.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using namespace zofo;
using problems::Quadratic;

namespace {

std::vector<Quadratic> quadratic_tasks(std::size_t count) {
  std::vector<Quadratic> list;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(problems::random_quadratic(
        {VectorXd::LinSpaced(6, 1.0, 2.0), VectorXd::LinSpaced(4, 1.0, 3.0)}, 20 + i));
  return list;
}

// All tasks in one call; counts the calls. `mixed` has the fault of giving every task the sum of all
// gradients.
struct Batched {
  using Theta = VectorXd;
  using Adapter = VectorXd;
  std::vector<Quadratic> list;
  bool mixed = false;
  std::size_t loss_calls = 0, gradient_calls = 0;

  [[nodiscard]] std::size_t num_tasks() const { return list.size(); }
  template <class D>
  void losses(const Theta& theta, const D& perturbation, std::span<const Probe> probes,
              std::span<const LossRequest<Adapter>> requests, std::span<double> out) {
    ++loss_calls;
    for (std::size_t i = 0; i < probes.size(); ++i) {
      VectorXd at = theta;
      perturbation.add(at, probes[i].direction, probes[i].scale);
      for (std::size_t j = 0; j < requests.size(); ++j) {
        const auto& r = requests[j];
        const Quadratic& q = list[r.batch.task];
        out[i * requests.size() + j] =
            r.level == Level::upper ? q.upper(at, *r.adapter) : q.lower(at, *r.adapter);
      }
    }
  }
  void gradients(const Theta& theta, std::span<GradientRequest<Adapter>> requests) {
    ++gradient_calls;
    VectorXd sum = VectorXd::Zero(4), f(4), g(4);
    for (auto& r : requests) {
      const Quadratic& q = list[r.task()];
      r.value = r.upper_weight * q.upper_gradient(theta, *r.adapter, {}, f) +
                r.lower_weight * q.lower_gradient(theta, *r.adapter, {}, g);
      *r.gradient = r.upper_weight * f + r.lower_weight * g;
      sum += *r.gradient;
    }
    if (mixed)
      for (auto& r : requests) *r.gradient = sum;
  }
};
static_assert(BilevelProblem<Batched, Gaussian> && !FourFunctions<Batched>);

using QuadraticPairs = std::vector<AdapterPair<VectorXd>>;
struct End {
  VectorXd theta = VectorXd::Zero(6);
  QuadraticPairs adapters;
  StepReport report;
};
template <class Problem, class Inner>
End run(Problem& problem, std::size_t count, const Inner& optimizer, BilevelOptions options) {
  options.outer_steps = 30;
  options.inner_steps = 3;
  options.penalty = 10.0;
  Solver solver(problem, Policies{Gaussian{}, Central{1e-3, 2, 5}, outer::Sgd{0.01}, optimizer}, options);
  End end;
  end.adapters.assign(count, {VectorXd::Zero(4), VectorXd::Zero(4)});
  end.report = solver.solve(end.theta, std::span(end.adapters)).last;
  return end;
}
// The largest difference in any entry, over the largest entry.
double difference(const End& a, const End& b) {
  double most = (a.theta - b.theta).cwiseAbs().maxCoeff();
  double size = b.theta.cwiseAbs().maxCoeff();
  for (std::size_t i = 0; i < a.adapters.size(); ++i)
    for (const auto member : {&AdapterPair<VectorXd>::upper, &AdapterPair<VectorXd>::lower}) {
      most = std::max(most, (a.adapters[i].*member - b.adapters[i].*member).cwiseAbs().maxCoeff());
      size = std::max(size, (b.adapters[i].*member).cwiseAbs().maxCoeff());
    }
  return most / size;
}

// A user's optimiser; its gradients are computed in the same batched calls as those of the library's.
struct SignStep {
  double rate;
  template <class P>
  struct State {};
  template <class P>
  void update(P& gradient, P& x, State<P>& /*state*/) const {
    x -= rate * gradient.cwiseSign();
  }
};

}  // namespace

TEST_CASE("a batched problem has the same steps as its tasks as four functions", "[bilevel]") {
  const std::uint32_t per_step = GENERATE(0U, 2U);
  const bool with_lower = GENERATE(true, false);
  const BilevelOptions options{.upper_with_lower = with_lower, .tasks_per_step = per_step};
  const auto compare = [&](const auto& optimizer) {
    Batched batched{quadratic_tasks(4)};
    auto list = quadratic_tasks(4);
    const End together = run(batched, 4, optimizer, options), apart = run(list, 4, optimizer, options);
    CHECK(batched.loss_calls == 30);          // one per outer step
    CHECK(batched.gradient_calls == 30 * 3);  // one per inner step, for all tasks and both levels
    // The same operations in another order: 180 steps amplify rounding (2^-53) by far less than 1e5.
    CHECK(difference(together, apart) < 1e-11);
    CHECK(together.report.inner_value_s == Approx(apart.report.inner_value_s));
    CHECK(together.report.inner_gradient_p == Approx(apart.report.inner_gradient_p));
  };
  compare(inner::Adam{.rate = 0.05});
  compare(inner::GradientDescent{0.05});
  compare(inner::Nesterov{.rate = 0.02, .strong_convexity = 1.0});
}

TEST_CASE("a user's inner optimiser uses the batched calls", "[bilevel]") {
  Batched batched{quadratic_tasks(3)};
  auto list = quadratic_tasks(3);
  CHECK(difference(run(batched, 3, SignStep{0.01}, {}), run(list, 3, SignStep{0.01}, {})) < 1e-11);
  CHECK(batched.gradient_calls == 30 * 3);
}

TEST_CASE("the comparison fails for a problem that mixes the tasks' gradients", "[bilevel]") {
  Batched mixed{.list = quadratic_tasks(4), .mixed = true};
  auto list = quadratic_tasks(4);
  const inner::GradientDescent descent{0.005};
  CHECK(difference(run(mixed, 4, descent, {}), run(list, 4, descent, {})) > 1e-3);
}

TEST_CASE("reports are means over the tasks, however the gradients were computed", "[bilevel]") {
  auto list = quadratic_tasks(3);
  const inner::GradientDescent descent{0.02};
  VectorXd theta = VectorXd::Zero(6);
  QuadraticPairs adapters(3, {VectorXd::Ones(4), VectorXd::Ones(4)});
  const BilevelOptions options{
      .outer_steps = 1, .inner_steps = 1, .penalty = 4.0, .normalize_penalty = false, .move_backbone = false};
  Solver solver(list, Policies{Gaussian{}, Central{}, outer::Sgd{}, descent}, options);
  double value_s = 0.0, value_p = 0.0, gradient_s = 0.0;
  for (const Quadratic& q : list) {
    VectorXd g(4);
    value_s += q.lower_gradient(theta, adapters[0].lower, {}, g) / 3.0;
    gradient_s += g.norm() / 3.0;
    value_p += (q.upper(theta, adapters[0].upper) + 4.0 * q.lower(theta, adapters[0].upper)) / 3.0;
  }
  const StepReport report = solver.step(theta, adapters);
  CHECK(report.inner_value_s == Approx(value_s));
  CHECK(report.inner_value_p == Approx(value_p));
  CHECK(report.inner_gradient_s == Approx(gradient_s));
}
