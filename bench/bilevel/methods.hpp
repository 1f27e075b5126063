/// @file The methods that are compared, each of the library's own policies, each counted.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "bilevel/instance.hpp"
#include "bilevel/recorder.hpp"
#include "zofo/bilevel/counted.hpp"
#include "zofo/bilevel/meta.hpp"
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/orthogonal.hpp"
#include "zofo/perturb/rademacher.hpp"
#include "zofo/reduce/svrg.hpp"

namespace zofo::bench {

/// Cost of an evaluation in values: a gradient, and a product with second derivatives (two gradients).
inline constexpr double kGradient = 2, kSecondOrder = 4;

/// What a method is and what it may use.
struct MethodInfo {
  std::string_view name, what;
};
inline constexpr std::array kMethods{
    MethodInfo{"bilevel",
               "ours: first-order inner steps on s and p, zeroth-order steps on θ by the penalty L_λ, "
               "Rademacher directions"},
    MethodInfo{"bilevel_orthogonal", "the same with orthogonal directions, up to 16 a step"},
    MethodInfo{"bilevel_svrg",
               "the same with SVRG over the directions: every 10 steps an anchor with up to 16 orthogonal ones"},
    MethodInfo{"nested",
               "zeroth-order steps on φ itself: every probe of θ takes 4T inner steps on s from the last step's s "
               "and costs them"},
    MethodInfo{"mezo", "single level: zeroth-order steps on F(θ, p_0), p fixed at its start"},
    MethodInfo{"joint", "single level: zeroth-order steps on θ and p together by F + λG"},
    MethodInfo{"penalty_first_order", "ours with the gradient of L_λ in θ instead of its estimate (F2SA)"},
    MethodInfo{"implicit",
               "T inner steps on s, then ∇φ by implicit differentiation with 5 steps of conjugate gradients"},
    MethodInfo{"exact", "gradient descent on φ with the exact ∇φ handed over for the price of one gradient"}};

/// One SGD step, then every coordinate back into the box.
struct BoxedSgd {
  template <class Theta>
  struct State {};
  outer::Sgd sgd;
  Interval box;
  Eigen::Index moved;  ///< how many coordinates, from the first, the box is for

  template <class Law>
  void apply(Vector& theta, const Law& law, const ZoGradient& gradient, State<Vector>& /*state*/) const {
    outer::Sgd::State<Vector> none;
    sgd.apply(theta, law, gradient, none);
    Vector head = theta.head(moved);
    box.clamp(head);
    theta.head(moved) = head;
  }
};

/// A run: an instance, a method's step size and the seed of its directions.
struct Run {
  const Instance& instance;
  const CaseSettings& settings;
  double rate;
  std::uint64_t seed;
  double smoothing = 1e-4;  ///< ε

  [[nodiscard]] Eigen::Index d() const { return instance.theta.size(); }
  [[nodiscard]] std::uint32_t queries() const {
    return static_cast<std::uint32_t>(std::min<Eigen::Index>(settings.queries, d()));
  }
  [[nodiscard]] std::uint32_t many_queries() const {
    return static_cast<std::uint32_t>(std::min<Eigen::Index>(16, d()));
  }
  [[nodiscard]] Central central(std::uint32_t q) const {
    return {{.epsilon = smoothing, .queries = q, .seed = seed}};
  }
  [[nodiscard]] BoxedSgd outer() const { return {outer::Sgd{{.rate = rate}}, instance.box, d()}; }
  [[nodiscard]] BilevelOptions options() const {
    return {.outer_steps = 1U << 28U,
            .inner_steps = settings.inner_steps,
            .penalty = settings.penalty,
            .seed = seed};
  }
  // 1/L of G(θ, ·) and of (F + λG)(θ, ·)
  [[nodiscard]] inner::GradientDescent lower() const { return {{.rate = 1 / instance.smoothness}}; }
  [[nodiscard]] inner::GradientDescent upper() const {
    return {{.rate = 1 / (instance.upper_smoothness + settings.penalty * instance.smoothness)}};
  }
};

namespace detail {

// Steps until the recorder has seen enough; `step()` returns the evaluations so far.
template <class Step>
void drive(const Run& run, Vector& theta, Recorder& recorder, Step&& step) {
  while (recorder(step(), [&] { return run.instance.judge(Vector(theta.head(run.d()))); })) {
  }
}

template <class Law, class Estimator>
void penalty_method(const Run& run, Law law, Estimator estimator, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  Solver solver{problem,     std::move(law), std::move(estimator), run.outer(),
                run.lower(), run.upper(),    run.options()};
  Vector p = run.instance.p, s = p;
  drive(run, theta, recorder, [&] {
    solver.step(theta, p, s);
    return problem.count.total(kGradient);
  });
}

// Each task has an adapter of its own; an evaluation is one of the mean over all tasks.
inline void meta_method(const Run& run, Vector& theta, Recorder& recorder) {
  const auto n = static_cast<double>(run.instance.tasks.size());
  std::vector<Counted<const AnyProblem>> tasks;
  for (const AnyProblem& task : run.instance.tasks) tasks.emplace_back(Counted<const AnyProblem>{task});
  const Vector adapter = Vector::Zero(run.instance.p.size() / static_cast<Eigen::Index>(tasks.size()));
  std::vector<AdapterPair<Vector>> adapters(tasks.size(), {adapter, adapter});
  // The mean's curvature is 1/n of a task's.
  auto lower = run.lower(), upper = run.upper();
  lower.options.rate = lower.options.rate.at(0) / n;
  upper.options.rate = upper.options.rate.at(0) / n;
  MetaSolver solver{tasks, Rademacher{}, run.central(run.queries()), run.outer(), lower, upper,
                    MetaOptions{run.options()}};
  drive(run, theta, recorder, [&] {
    solver.step(theta, adapters);
    double sum = 0;
    for (const auto& task : tasks) sum += task.count.total(kGradient);
    return sum / n;
  });
}

inline void nested(const Run& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  Vector warm = run.instance.p, latest = warm;
  auto phi = single_level<Vector>([&](const Vector& at) {
    latest = warm;
    LowerObjective<Counted<const AnyProblem>> objective{problem, at, {}};
    inner::GradientDescent::State<Vector> state;
    const auto descent = run.lower();
    for (std::uint32_t t = 0; t < 4 * run.settings.inner_steps; ++t) descent.step(objective, latest, state);
    return problem.upper(at, latest, {});
  });
  Solver solver{phi,         Rademacher{}, run.central(run.queries()), run.outer(),
                run.lower(), run.options().mezo()};
  NoAdapter p, s;
  drive(run, theta, recorder, [&] {
    solver.step(theta, p, s);
    warm = latest;
    return problem.count.total(kGradient);
  });
}

inline void mezo(const Run& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  Solver solver{problem,     Rademacher{}, run.central(run.queries()), run.outer(),
                run.lower(), run.options().mezo()};
  Vector p = run.instance.p, s = p;
  drive(run, theta, recorder, [&] {
    solver.step(theta, p, s);
    return problem.count.total(kGradient);
  });
}

inline void joint(const Run& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  const Eigen::Index m = run.instance.p.size();
  auto both = single_level<Vector>([&](const Vector& x) {
    const Vector at = x.head(run.d()), p = x.tail(m);
    return problem.upper(at, p, {}) + run.settings.penalty * problem.lower(at, p, {});
  });
  Solver solver{both,        Rademacher{}, run.central(run.settings.queries), run.outer(),
                run.lower(), run.options().mezo()};
  theta.conservativeResize(run.d() + m);
  theta.tail(m) = run.instance.p;
  NoAdapter p, s;
  drive(run, theta, recorder, [&] {
    solver.step(theta, p, s);
    return problem.count.total(kGradient);
  });
}

inline void penalty_first_order(const Run& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  const AnyProblem& plain = run.instance.problem;
  BilevelOptions options = run.options();
  options.move_backbone = false;
  const double lambda = run.settings.penalty;
  Solver solver{problem,     Rademacher{}, run.central(1), run.outer(),
                run.lower(), run.upper(),  options};
  Vector p = run.instance.p, s = p;
  double gradients = 0;
  drive(run, theta, recorder, [&] {
    solver.step(theta, p, s);
    const Vector g = plain.upper_theta_gradient(theta, p) +
                     lambda * (plain.lower_theta_gradient(theta, p) - plain.lower_theta_gradient(theta, s));
    theta -= run.rate * g;
    run.instance.box.clamp(theta);
    gradients += 3;
    return problem.count.total(kGradient) + kGradient * gradients;
  });
}

// x with H x = b, from 0.
inline Vector conjugate_gradients(const Matrix& h, const Vector& b, int steps, double& products) {
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

inline void implicit(const Run& run, Vector& theta, Recorder& recorder) {
  Counted<const AnyProblem> problem{run.instance.problem};
  const AnyProblem& plain = run.instance.problem;
  Vector s = run.instance.p, g;
  const auto descent = run.lower();
  inner::GradientDescent::State<Vector> state;
  double gradients = 0, products = 0;
  drive(run, theta, recorder, [&] {
    LowerObjective<Counted<const AnyProblem>> objective{problem, theta, {}};
    for (std::uint32_t t = 0; t < run.settings.inner_steps; ++t) descent.step(objective, s, state);
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

inline void exact(const Run& run, Vector& theta, Recorder& recorder) {
  double spent = 0;
  drive(run, theta, recorder, [&] {
    theta -= run.rate * run.instance.phi_gradient(theta);
    run.instance.box.clamp(theta);
    return spent += kGradient;
  });
}

inline void dispatch(std::string_view method, const Run& run, Vector& theta, Recorder& recorder) {
  if (method == "bilevel") {
    if (!run.instance.tasks.empty()) return meta_method(run, theta, recorder);
    return penalty_method(run, Rademacher{}, run.central(run.queries()), theta, recorder);
  }
  if (method == "bilevel_orthogonal")
    return penalty_method(run, Orthogonal{run.many_queries()}, run.central(run.many_queries()), theta, recorder);
  if (method == "bilevel_svrg")
    return penalty_method(run, Orthogonal{run.many_queries()},
                          reduce::Svrg{run.central(run.queries()), run.central(run.many_queries()),
                                       {.period = 10, .batches = 1}},
                          theta, recorder);
  if (method == "nested") return nested(run, theta, recorder);
  if (method == "mezo") return mezo(run, theta, recorder);
  if (method == "joint") return joint(run, theta, recorder);
  if (method == "penalty_first_order") return penalty_first_order(run, theta, recorder);
  if (method == "implicit") return implicit(run, theta, recorder);
  if (method == "exact") return exact(run, theta, recorder);
  fail("method = {}: unknown", method);
}

}  // namespace detail

/// Runs `method` to the end of the budget; returns the θ it ended at. A run that blows up (Error: a loss or a
/// gradient is not finite) ends as one that never reaches the target.
inline Vector run_method(std::string_view method, const Run& run, Recorder& recorder) {
  Vector theta = run.instance.theta;
  try {
    detail::dispatch(method, run, theta, recorder);
    recorder.end(false);
  } catch (const Error&) {
    recorder.end(true);
  }
  return theta.head(run.d());
}

}  // namespace zofo::bench
