// I1: gradient descent with η = 1/L on a quadratic: ‖s_T − s*‖ ≤ (1 − μ/L)^T ‖s_0 − s*‖ at every T.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/random.hpp"
#include "zofo/inner/gradient_descent.hpp"

namespace theory {

// ½ (x − x*)ᵀH(x − x*) in a random basis, eigenvalues evenly spread in log from μ = 1/κ to L = 1.
struct Conditioned {
  Eigen::MatrixXd hessian;
  Eigen::VectorXd solution, start;
  Conditioned(double condition, std::uint64_t seed, Eigen::Index n = 10) : solution(n), start(n) {
    Eigen::MatrixXd random(n, n);
    zofo::normals({seed, 0, 0}, 0, 0, random.data(), static_cast<std::size_t>(random.size()));
    zofo::normals({seed, 0, 0}, 1, 0, solution.data(), static_cast<std::size_t>(n));
    const Eigen::MatrixXd basis = Eigen::HouseholderQR<Eigen::MatrixXd>(random).householderQ();
    const Eigen::VectorXd spectrum = Eigen::VectorXd::LinSpaced(n, -std::log(condition), 0.0).array().exp();
    hessian = basis * spectrum.asDiagonal() * basis.transpose();
    start = solution + basis * Eigen::VectorXd::Ones(n);  // some of every eigenvector
  }
  double value_and_gradient(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) const {
    gradient = hessian * (x - solution);
    return 0.5 * gradient.dot(x - solution);
  }
};

// The bound at every T, and its sharpness: in the end the distance shrinks by 1 − μ/L a step.
template <class Solver>
Verdict i1_with(const Solver& solver, const Effort& effort) {
  Verdict v;
  v.id = "I1";
  v.statement = "gradient descent, rate 1/L: distance <= (1 − 1/kappa)^T of the start's";
  v.figure = {.x_label = "T", .y_label = "‖s_T − s*‖ / ‖s_0 − s*‖", .log_x = false};
  for (const double condition : {1.0, 10.0, 100.0, 1000.0}) {
    Conditioned objective(condition, effort.seed);
    typename Solver::template State<Eigen::VectorXd> state;
    Eigen::VectorXd x = objective.start;
    zofo::Memory<Eigen::VectorXd> gradient;
    const double first = (x - objective.solution).norm();
    double bound = 1.0, excess = -kInfinity, last = kNaN, before = 1.0;
    Series s{.label = fmt::format("κ = {:g}", condition), .x = {}, .y = {}, .error = {}};
    for (int step = 1; step <= 20000 && bound > 1e-5; ++step) {
      zofo::inner::inner_step(solver, objective, x, state, gradient);
      bound *= 1.0 - 1.0 / condition;
      const double distance = (x - objective.solution).norm() / first;
      const double above = distance - bound;
      excess = std::isnan(above) ? kNaN : std::max(excess, above);
      last = distance / before;
      before = distance;
      if (step % std::max(1, static_cast<int>(condition) / 4) == 0 && s.x.size() < 45 && distance > 1e-16) {
        s.x.push_back(step);
        s.y.push_back(distance);
      }
    }
    v.add(at_most(fmt::format("kappa = {:g}: largest distance − bound", condition), 1e-12, excess));
    if (condition > 1.0) {
      const double exact = 1.0 - 1.0 / condition;
      v.add(at_most(fmt::format("kappa = {:g}: |last contraction − (1 − 1/kappa)|", condition),
                    1e-2 / condition, std::abs(last - exact)));
      Series line{.label = "", .x = s.x, .y = {}, .error = {}, .slope = kNaN, .line = true};
      for (const double t : line.x) line.y.push_back(std::pow(exact, t));
      v.series.push_back(std::move(line));
      v.series.push_back(std::move(s));
    }
  }
  return v;
}

inline Verdict i1(const Effort& effort) { return i1_with(zofo::inner::GradientDescent{.rate = 1.0}, effort); }

}  // namespace theory
