#include "bilevel/methods.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <utility>
#include <vector>

#include "zofo/bilevel/adapter_objective.hpp"
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/hypergradient/counted.hpp"
#include "zofo/inner/nesterov.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/variance/svrg.hpp"

namespace zofo::bench {
namespace {

// One SGD step, then the first `boxed` coordinates are clamped to the box.
struct BoxedSgd {
  template <class Theta>
  struct State {};
  outer::Sgd sgd;
  Interval box;
  Eigen::Index boxed;

  template <class Distribution>
  void apply(Vector& theta, const Distribution& distribution, const ZoGradient& gradient,
             State<Vector>& /*state*/) const {
    outer::Sgd::State<Vector> none;
    sgd.apply(theta, distribution, gradient, none);
    Vector head = theta.head(boxed);
    box.clamp(head);
    theta.head(boxed) = head;
  }
};

// A run's policies. All directions have the same ε: values are smooth and in double precision.
struct Setup : Run {
  static constexpr double smoothing = 1e-4;

  [[nodiscard]] Eigen::Index d() const { return instance.theta.size(); }
  [[nodiscard]] std::uint32_t queries() const {
    return static_cast<std::uint32_t>(std::min<Eigen::Index>(settings.queries, d()));
  }
  [[nodiscard]] std::uint32_t many_queries() const {
    return static_cast<std::uint32_t>(std::min<Eigen::Index>(16, d()));
  }
  [[nodiscard]] Central central(std::uint32_t q) const {
    return {.epsilon = smoothing, .queries = q, .seed = seed};
  }
  [[nodiscard]] BoxedSgd outer() const { return {outer::Sgd{.rate = rate}, instance.box, d()}; }
  [[nodiscard]] BilevelOptions options() const {
    return {.outer_steps = 1U << 28U,
            .inner_steps = settings.inner_steps,
            .penalty = settings.penalty,
            .normalize_penalty = false,
            .seed = seed};
  }
  // Learning rate 1/L and momentum from κ, for G(θ, ·) and for (F + λG)(θ, ·).
  [[nodiscard]] inner::Nesterov lower() const {
    return {.rate = 1 / instance.smoothness, .strong_convexity = instance.convexity};
  }
  [[nodiscard]] inner::Nesterov upper() const {
    const double lambda = settings.penalty;
    return {.rate = 1 / (instance.upper_smoothness + lambda * instance.smoothness),
            .strong_convexity = lambda * instance.convexity};
  }
};

// Steps until the recorder ends the run; `step()` returns the evaluations so far.
template <class Step>
void drive(const Setup& run, Vector& theta, Recorder& recorder, Step&& step) {
  while (recorder(step(), [&] { return run.instance.validate(Vector(theta.head(run.d()))); })) {
  }
}

template <class Distribution, class Estimator>
void penalty_method(const Setup& run, Distribution distribution, Estimator estimator, Vector& theta,
                    Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  Solver solver{
      problem, Policies{std::move(distribution), std::move(estimator), run.outer(), run.lower(), run.upper()},
      run.options()};
  AdapterPair<Vector> pair{run.instance.p, run.instance.p};
  drive(run, theta, recorder, [&] {
    solver.step(theta, pair);
    return problem.count.total(kGradient);
  });
}

// Each task has its own adapter; one evaluation of the mean over all tasks counts as 1.
void meta_method(const Setup& run, Vector& theta, Recorder& recorder) {
  const auto n = static_cast<double>(run.instance.tasks.size());
  std::vector<Counted<const AnyProblem>> tasks;
  for (const AnyProblem& task : run.instance.tasks) tasks.emplace_back(Counted<const AnyProblem>{task});
  const Vector adapter = Vector::Zero(run.instance.p.size() / static_cast<Eigen::Index>(tasks.size()));
  std::vector<AdapterPair<Vector>> adapters(tasks.size(), {adapter, adapter});
  // The curvatures of the mean are 1/n of those of a task.
  const auto of_a_task = [n](inner::Nesterov solver) {
    solver.rate = solver.rate.at(0) / n;
    solver.strong_convexity *= n;
    return solver;
  };
  Solver solver{tasks,
                Policies{Rademacher{}, run.central(run.queries()), run.outer(), of_a_task(run.lower()),
                         of_a_task(run.upper())},
                run.options()};
  drive(run, theta, recorder, [&] {
    solver.step(theta, adapters);
    double sum = 0;
    for (const auto& task : tasks) sum += task.count.total(kGradient);
    return sum / n;
  });
}

void nested(const Setup& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  Vector warm = run.instance.p, latest = warm;
  auto phi = single_level<Vector>([&](const Vector& at) {
    latest = warm;
    SimpleProblem batched(std::span(&problem, 1));
    AdapterObjective objective{batched, at, 0.0, 1.0, {}};
    inner::Nesterov::State<Vector> state;
    Memory<Vector> gradient;
    const auto descent = run.lower();
    for (std::uint32_t t = 0; t < 4 * run.settings.inner_steps; ++t)
      inner::inner_step(descent, objective, latest, state, gradient);
    return problem.upper(at, latest, {});
  });
  Solver solver{phi, Policies{Rademacher{}, run.central(run.queries()), run.outer(), run.lower()},
                run.options().mezo()};
  AdapterPair<NoAdapter> pair;
  drive(run, theta, recorder, [&] {
    solver.step(theta, pair);
    warm = latest;
    return problem.count.total(kGradient);
  });
}

void mezo(const Setup& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  Solver solver{problem, Policies{Rademacher{}, run.central(run.queries()), run.outer(), run.lower()},
                run.options().mezo()};
  AdapterPair<Vector> pair{run.instance.p, run.instance.p};
  drive(run, theta, recorder, [&] {
    solver.step(theta, pair);
    return problem.count.total(kGradient);
  });
}

void joint(const Setup& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  const Eigen::Index m = run.instance.p.size();
  auto both = single_level<Vector>([&](const Vector& x) {
    const Vector at = x.head(run.d()), p = x.tail(m);
    return problem.upper(at, p, {}) + run.settings.penalty * problem.lower(at, p, {});
  });
  Solver solver{both, Policies{Rademacher{}, run.central(run.settings.queries), run.outer(), run.lower()},
                run.options().mezo()};
  theta.conservativeResize(run.d() + m);
  theta.tail(m) = run.instance.p;
  AdapterPair<NoAdapter> pair;
  drive(run, theta, recorder, [&] {
    solver.step(theta, pair);
    return problem.count.total(kGradient);
  });
}

void penalty_first_order(const Setup& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  const AnyProblem& plain = run.instance.problem;
  BilevelOptions options = run.options();
  options.move_backbone = false;
  const double lambda = run.settings.penalty;
  Solver solver{problem, Policies{Rademacher{}, run.central(1), run.outer(), run.lower(), run.upper()},
                options};
  AdapterPair<Vector> pair{run.instance.p, run.instance.p};
  double gradients = 0;
  drive(run, theta, recorder, [&] {
    solver.step(theta, pair);
    const Vector g = plain.upper_theta_gradient(theta, pair.upper) +
                     lambda * (plain.lower_theta_gradient(theta, pair.upper) -
                               plain.lower_theta_gradient(theta, pair.lower));
    theta -= run.rate * g;
    run.instance.box.clamp(theta);
    gradients += 3;
    return problem.count.total(kGradient) + kGradient * gradients;
  });
}

// Solves H x = b by conjugate gradients from x = 0.
Vector conjugate_gradients(const Matrix& h, const Vector& b, int steps, double& products) {
  Vector x = Vector::Zero(b.size()), r = b, direction = b;
  double rr = r.squaredNorm();
  const double enough = 1e-24 * rr;
  for (int k = 0; k < steps && rr > enough; ++k) {
    const Vector hd = h * direction;
    ++products;
    const double length = rr / direction.dot(hd);
    x += length * direction;
    r -= length * hd;
    const double next = r.squaredNorm();
    direction = r + next / rr * direction;
    rr = next;
  }
  return x;
}

void implicit(const Setup& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  const AnyProblem& plain = run.instance.problem;
  Vector s = run.instance.p, g;
  const auto descent = run.lower();
  inner::Nesterov::State<Vector> state;
  Memory<Vector> gradient;
  double gradients = 0, products = 0;
  drive(run, theta, recorder, [&] {
    SimpleProblem batched(std::span(&problem, 1));
    AdapterObjective objective{batched, theta, 0.0, 1.0, {}};
    for (std::uint32_t t = 0; t < run.settings.inner_steps; ++t)
      inner::inner_step(descent, objective, s, state, gradient);
    problem.upper_gradient(theta, s, {}, g);
    const Vector v = conjugate_gradients(plain.lower_hessian(theta, s), g, 5, products);
    const Vector step = plain.upper_theta_gradient(theta, s) - plain.lower_cross(theta, s).transpose() * v;
    gradients += 1;
    products += 1;
    theta -= run.rate * step;
    run.instance.box.clamp(theta);
    return problem.count.total(kGradient) + kGradient * gradients + kSecondOrder * products;
  });
}

void exact(const Setup& run, Vector& theta, Recorder& recorder) {
  double spent = 0;
  constexpr double most = 1000;  // steps
  drive(run, theta, recorder, [&] {
    theta -= run.rate * run.instance.phi_gradient(theta);
    run.instance.box.clamp(theta);
    spent += kGradient;
    return spent < kGradient * most ? spent : run.settings.budget;  // θ no longer changes
  });
}

void dispatch(std::string_view method, const Setup& run, Vector& theta, Recorder& recorder) {
  if (method == "bilevel") {
    if (!run.instance.tasks.empty()) return meta_method(run, theta, recorder);
    return penalty_method(run, Rademacher{}, run.central(run.queries()), theta, recorder);
  }
  if (method == "bilevel_orthogonal")
    return penalty_method(run, Orthogonal{run.many_queries()}, run.central(run.many_queries()), theta,
                          recorder);
  if (method == "bilevel_svrg")
    return penalty_method(run, Orthogonal{run.many_queries()},
                          variance::Svrg{.estimator = run.central(run.queries()),
                                         .period = 10,
                                         .batches = 1,
                                         .full = run.central(run.many_queries())},
                          theta, recorder);
  if (method == "nested") return nested(run, theta, recorder);
  if (method == "mezo") return mezo(run, theta, recorder);
  if (method == "joint") return joint(run, theta, recorder);
  if (method == "penalty_first_order") return penalty_first_order(run, theta, recorder);
  if (method == "implicit") return implicit(run, theta, recorder);
  if (method == "exact") return exact(run, theta, recorder);
  fail("method = {}: unknown", method);
}

}  // namespace

Vector run_method(std::string_view method, const Run& given, Recorder& recorder) {
  const Setup run{given};
  Vector theta = run.instance.theta;
  try {
    dispatch(method, run, theta, recorder);
    recorder.end(false);
  } catch (const Error&) {
    recorder.end(true);
  }
  return theta.head(run.d());
}

}  // namespace zofo::bench
