#include "zofo/bilevel/joint_inner_round.hpp"

#include <Eigen/Core>
#include <cstddef>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/bilevel/meta.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

using Eigen::VectorXd;
using zofo::Central;
using zofo::Gaussian;
using zofo::MetaOptions;
using zofo::Solver;
using zofo::problems::Quadratic;
namespace outer = zofo::outer;
namespace inner = zofo::inner;

namespace {

// The quadratic with both joint forms; counts their calls. `mixed` has the fault of a step that gives every
// task the sum of all gradients.
template <bool mixed>
struct Joint : Quadratic {
  explicit Joint(Quadratic q) : Quadratic(std::move(q)) {}

  static inline std::size_t terms_calls = 0, gradient_calls = 0;

  template <class Law>
  static std::vector<std::vector<zofo::PenaltyTerms>> joint_terms(
      const VectorXd& theta, const Law& law, std::span<const zofo::Probe> probes, double /*penalty*/,
      std::span<const zofo::JointPoint<Joint>> points) {
    ++terms_calls;
    std::vector<std::vector<zofo::PenaltyTerms>> terms;
    for (const auto& point : points) {
      terms.emplace_back();
      for (const zofo::Probe& probe : probes) {
        VectorXd at = theta;
        law.add(at, probe.direction, probe.scale);
        terms.back().push_back({point.task->upper(at, *point.p, point.samples.upper),
                                point.task->lower(at, *point.p, point.samples.lower),
                                point.task->lower(at, *point.s, point.samples.lower)});
      }
    }
    return terms;
  }
  static void joint_gradients(const VectorXd& theta, std::span<zofo::JointGradient<Joint>> parts) {
    ++gradient_calls;
    VectorXd sum = VectorXd::Zero(4);
    for (auto& part : parts) {
      VectorXd f = VectorXd::Zero(4), g = VectorXd::Zero(4);
      part.value = part.upper_weight * part.task->upper_gradient(theta, *part.x, part.samples.upper, f) +
                   part.lower_weight * part.task->lower_gradient(theta, *part.x, part.samples.lower, g);
      *part.gradient = part.upper_weight * f + part.lower_weight * g;
      sum += *part.gradient;
    }
    if (mixed)
      for (auto& part : parts) *part.gradient = sum;
  }
};

template <class Task>
std::vector<Task> tasks(std::size_t count) {
  std::vector<Task> list;
  for (std::size_t i = 0; i < count; ++i)
    list.push_back(Task(zofo::problems::random_quadratic(
        {VectorXd::LinSpaced(6, 1.0, 2.0), VectorXd::LinSpaced(4, 1.0, 3.0)}, 20 + i)));
  return list;
}
using Pairs = std::vector<zofo::AdapterPair<VectorXd>>;

struct End {
  VectorXd theta = VectorXd::Zero(6);
  Pairs adapters = Pairs(4, {VectorXd::Zero(4), VectorXd::Zero(4)});
};
template <class Task, class Inner>
End run(Inner solver_of_adapters, std::uint32_t each) {
  auto list = tasks<Task>(4);
  Solver solver(list, Policies{Gaussian{}, Central{1e-3, 2, 5}, outer::Sgd{0.01}, solver_of_adapters}, MetaOptions{{.outer_steps = 30, .inner_steps = 3, .penalty = 10.0}, each});
  End end;
  solver.run(end.theta, end.adapters);
  return end;
}
// The largest difference in any entry, over the largest entry.
double difference(const End& a, const End& b) {
  double most = (a.theta - b.theta).cwiseAbs().maxCoeff();
  double size = b.theta.cwiseAbs().maxCoeff();
  for (std::size_t i = 0; i < 4; ++i)
    for (const auto member : {&zofo::AdapterPair<VectorXd>::p, &zofo::AdapterPair<VectorXd>::s}) {
      most = std::max(most, (a.adapters[i].*member - b.adapters[i].*member).cwiseAbs().maxCoeff());
      size = std::max(size, (b.adapters[i].*member).cwiseAbs().maxCoeff());
    }
  return most / size;
}

}  // namespace

TEST_CASE("tasks evaluated together take the steps that they take one by one", "[bilevel]") {
  const std::uint32_t each = GENERATE(0U, 2U);
  using Task = Joint<false>;
  Task::terms_calls = Task::gradient_calls = 0;
  const End together = run<Task>(inner::Adam{.rate = 0.05}, each);
  CHECK(Task::terms_calls == 30);         // one an outer step
  CHECK(Task::gradient_calls == 30 * 3);  // one an inner step, of all tasks, s and p
  const End alone = run<Quadratic>(inner::Adam{.rate = 0.05}, each);
  // The same operations in another order: 180 steps amplify rounding (2^-53) by far less than 1e5.
  CHECK(difference(together, alone) < 1e-11);
  CHECK(difference(run<Task>(inner::GradientDescent{0.05}, each),
                   run<Quadratic>(inner::GradientDescent{0.05}, each)) < 1e-11);
}

TEST_CASE("a joint step that mixes the tasks' gradients would be seen", "[bilevel]") {
  const End mixed = run<Joint<true>>(inner::GradientDescent{0.005}, 0);
  CHECK(difference(mixed, run<Quadratic>(inner::GradientDescent{0.005}, 0)) > 1e-3);
}

TEST_CASE("an inner solver that looks elsewhere than at x takes its steps task by task", "[bilevel]") {
  using Task = Joint<false>;
  Task::gradient_calls = 0;
  const inner::Nesterov nesterov{.rate = 0.02, .strong_convexity = 1.0};
  CHECK(difference(run<Task>(nesterov, 0), run<Quadratic>(nesterov, 0)) < 1e-11);
  CHECK(Task::gradient_calls == 0);
}

TEST_CASE("one task's adapters in one call take the steps that they take one by one", "[bilevel]") {
  using Task = Joint<false>;
  const bool with_lower = GENERATE(true, false);
  const auto end = [&]<class Problem>(Problem problem) {
    zofo::Solver solver(problem, zofo::Policies{Gaussian{}, Central{1e-3, 2, 5}, outer::Sgd{0.01}, inner::Adam{.rate = 0.05}}, zofo::BilevelOptions{
            .outer_steps = 20, .inner_steps = 3, .penalty = 10.0, .upper_with_lower = with_lower});
    End at;
    const zofo::StepReport report = solver.run(at.theta, at.adapters[0].p, at.adapters[0].s);
    return std::pair(at, report);
  };
  Task::gradient_calls = 0;
  const auto [together, report] = end(tasks<Task>(1).front());
  CHECK(Task::gradient_calls == 20 * 3);
  const auto [apart, reported] = end(tasks<Quadratic>(1).front());
  // As above.
  CHECK(difference(together, apart) < 1e-11);
  CHECK(report.inner_value_s == Approx(reported.inner_value_s));
  CHECK(report.inner_gradient_p == Approx(reported.inner_gradient_p));
  const auto [mixed, unused] = end(tasks<Joint<true>>(1).front());
  CHECK(difference(mixed, apart) > 1e-3);
}
