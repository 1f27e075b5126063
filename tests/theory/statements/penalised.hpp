// The penalty of a quadratic problem, computed by the library: inner solvers minimise the inner objectives,
// values are batched losses, and gradients are differences of these values.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/bilevel/adapter_objective.hpp"
#include "zofo/bilevel/simple_problem.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

namespace theory {

using zofo::problems::Quadratic;

// Largest eigenvalues of H and of R below.
inline constexpr double kLowerSmoothness = 6.0, kUpperSmoothness = 1.0;

inline Quadratic penalty_problem(std::uint64_t seed) {
  return zofo::problems::random_quadratic(
      {Eigen::VectorXd::LinSpaced(5, 0.5, 4.0), Eigen::VectorXd::LinSpaced(4, 2.0, kLowerSmoothness), 1.0,
       kUpperSmoothness},
      seed);
}
inline Eigen::VectorXd penalty_point(std::uint64_t seed, std::uint32_t stream) {
  Eigen::VectorXd x(5);
  zofo::normals({seed, 1, 0}, stream, 0, x.data(), 5);
  return x;
}

// Central differences: exact up to rounding on a quadratic, for any step.
template <class F>
Eigen::VectorXd differences(const F& f, const Eigen::VectorXd& x, double h = 0.25) {
  Eigen::VectorXd g(x.size());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    Eigen::VectorXd plus = x, minus = x;
    plus[i] += h;
    minus[i] -= h;
    g[i] = (f(plus) - f(minus)) / (2.0 * h);
  }
  return g;
}

template <class Problem = Quadratic>
class Penalised {
 public:
  Penalised(const Problem& problem, double penalty) : problem_(problem), penalty_(penalty) {}

  // s*(θ): gradient descent on the library's G(θ, ·), to rounding.
  [[nodiscard]] Eigen::VectorXd lower(const Eigen::VectorXd& theta) {
    zofo::SimpleProblem<Problem> problem(std::span(&problem_, 1));
    zofo::AdapterObjective objective{problem, theta, 0.0, 1.0, {}};
    return descend(objective, kLowerSmoothness);
  }
  // p_λ(θ): gradient descent on the library's (F + λG)(θ, ·), to rounding.
  [[nodiscard]] Eigen::VectorXd upper(const Eigen::VectorXd& theta) {
    zofo::SimpleProblem<Problem> problem(std::span(&problem_, 1));
    zofo::AdapterObjective objective{problem, theta, 1.0, penalty_, {}};
    return descend(objective, kUpperSmoothness + penalty_ * kLowerSmoothness);
  }
  // L_λ(θ, p, s).
  [[nodiscard]] double value(const Eigen::VectorXd& theta, const Eigen::VectorXd& p,
                             const Eigen::VectorXd& s) {
    zofo::SimpleProblem<Problem> problem(std::span(&problem_, 1));
    const zofo::LossRequest<Eigen::VectorXd> requests[] = {
        {zofo::Level::upper, &p, {}}, {zofo::Level::lower, &p, {}}, {zofo::Level::lower, &s, {}}};
    const zofo::Probe here{};
    double out[3] = {};
    problem.losses(theta, zofo::Gaussian{}, std::span(&here, 1), std::span(requests), std::span<double>(out));
    return zofo::PenaltyTerms{out[0], out[1], out[2]}.value(penalty_);
  }
  // L*_λ(θ).
  [[nodiscard]] double value(const Eigen::VectorXd& theta) {
    return value(theta, upper(theta), lower(theta));
  }
  // ∇_θ L_λ at fixed p_λ and s*: the right-hand side of Danskin's theorem.
  [[nodiscard]] Eigen::VectorXd danskin(const Eigen::VectorXd& theta) {
    const Eigen::VectorXd p = upper(theta), s = lower(theta);
    return differences([&](const Eigen::VectorXd& x) { return value(x, p, s); }, theta);
  }
  // ∇L*_λ with p_λ and s* solved at every point.
  [[nodiscard]] Eigen::VectorXd total(const Eigen::VectorXd& theta) {
    return differences([this](const Eigen::VectorXd& x) { return value(x); }, theta);
  }

 private:
  template <class Objective>
  Eigen::VectorXd descend(Objective& objective, double smoothness) const {
    const zofo::inner::GradientDescent solver{.rate = 1.0 / smoothness};
    zofo::inner::GradientDescent::State<Eigen::VectorXd> state;
    Eigen::VectorXd x = Eigen::VectorXd::Zero(problem_.c.size());
    zofo::Memory<Eigen::VectorXd> gradient;
    for (int t = 0; t < 150; ++t)  // (2/3)^150 = 4e-27
      zofo::inner::inner_step(solver, objective, x, state, gradient);
    return x;
  }

  Problem problem_;
  double penalty_;
};

inline const std::vector<double>& penalties() {
  static const std::vector<double> list{1e1, 3e1, 1e2, 3e2, 1e3, 3e3, 1e4, 3e4, 1e5};
  return list;
}

}  // namespace theory
