/// @file A bilevel problem of vectors behind plain functions, so that every method is compiled once.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "zofo/core/problem.hpp"

namespace zofo::bench {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

/// Values, gradients and second derivatives of one problem; matrices are read column by column.
struct AnyProblem {
  using Theta = Vector;
  using Adapter = Vector;
  std::function<double(const Vector&, const Vector&)> upper_of, lower_of;
  std::function<double(const Vector&, const Vector&, Vector&)> upper_gradient_of, lower_gradient_of;
  std::function<Vector(const Vector&, const Vector&)> upper_theta_gradient, lower_theta_gradient;
  std::function<Matrix(const Vector&, const Vector&)> lower_hessian, lower_cross;

  double upper(const Vector& theta, const Vector& p, BatchKey) const { return upper_of(theta, p); }
  double lower(const Vector& theta, const Vector& p, BatchKey) const { return lower_of(theta, p); }
  double upper_gradient(const Vector& theta, const Vector& p, BatchKey, Vector& g) const {
    return upper_gradient_of(theta, p, g);
  }
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey, Vector& g) const {
    return lower_gradient_of(theta, p, g);
  }
};

namespace detail {
// Converts a vector to the problem's type with the shape of `like`, and back.
template <class T>
T shaped(const Vector& x, const T& like) {
  return x.reshaped(like.rows(), like.cols());
}
template <class T>
Vector flat(const T& x) {
  return x.reshaped();
}
}  // namespace detail

/// The functions of one of the library's problems, on all examples at once (an empty BatchKey).
template <class Problem>
[[nodiscard]] AnyProblem any_problem(std::shared_ptr<const Problem> problem) {
  const auto start = problem->start();
  const auto theta_of = [t = start.theta](const Vector& x) { return detail::shaped(x, t); };
  const auto p_of = [p = start.p](const Vector& x) { return detail::shaped(x, p); };
  AnyProblem any;
  any.upper_of = [=](const Vector& t, const Vector& p) { return problem->upper(theta_of(t), p_of(p), {}); };
  any.lower_of = [=](const Vector& t, const Vector& p) { return problem->lower(theta_of(t), p_of(p), {}); };
  any.upper_gradient_of = [=](const Vector& t, const Vector& p, Vector& g) {
    auto own = p_of(p);
    const double value = problem->upper_gradient(theta_of(t), p_of(p), {}, own);
    g = detail::flat(own);
    return value;
  };
  any.lower_gradient_of = [=](const Vector& t, const Vector& p, Vector& g) {
    auto own = p_of(p);
    const double value = problem->lower_gradient(theta_of(t), p_of(p), {}, own);
    g = detail::flat(own);
    return value;
  };
  any.upper_theta_gradient = [=](const Vector& t, const Vector& p) {
    return detail::flat(problem->upper_theta_gradient(theta_of(t), p_of(p), {}));
  };
  any.lower_theta_gradient = [=](const Vector& t, const Vector& p) {
    return detail::flat(problem->lower_theta_gradient(theta_of(t), p_of(p), {}));
  };
  any.lower_hessian = [=](const Vector& t, const Vector& p) {
    return problem->lower_hessian(theta_of(t), p_of(p), {});
  };
  any.lower_cross = [=](const Vector& t, const Vector& p) {
    return problem->lower_cross(theta_of(t), p_of(p), {});
  };
  return any;
}

/// Tasks that share θ as one problem: F and G are means over the tasks, p their adapters one after the other.
[[nodiscard]] inline AnyProblem mean_of_tasks(std::vector<AnyProblem> list, Eigen::Index adapter) {
  const auto tasks = std::make_shared<const std::vector<AnyProblem>>(std::move(list));
  const auto n = static_cast<double>(tasks->size());
  const auto piece = [adapter](const Vector& p, std::size_t t) -> Vector {
    return p.segment(static_cast<Eigen::Index>(t) * adapter, adapter);
  };
  // mean over the tasks of f(task, its adapter, number)
  const auto mean = [=](const Vector& p, const auto& f) {
    auto sum = f((*tasks)[0], piece(p, 0), std::size_t{0});
    for (std::size_t t = 1; t < tasks->size(); ++t) sum += f((*tasks)[t], piece(p, t), t);
    return sum;
  };
  const auto gradient = [=](const Vector& p, Vector& g, const auto& f) {
    g.resize(p.size());
    return mean(p,
                [&](const AnyProblem& task, const Vector& own, std::size_t t) {
                  Vector part;
                  const double value = f(task, own, part);
                  g.segment(static_cast<Eigen::Index>(t) * adapter, adapter) = part / n;
                  return value;
                }) /
           n;
  };
  AnyProblem any;
  any.upper_of = [=](const Vector& w, const Vector& p) {
    return mean(p, [&](const AnyProblem& t, const Vector& a, std::size_t) { return t.upper_of(w, a); }) / n;
  };
  any.lower_of = [=](const Vector& w, const Vector& p) {
    return mean(p, [&](const AnyProblem& t, const Vector& a, std::size_t) { return t.lower_of(w, a); }) / n;
  };
  any.upper_gradient_of = [=](const Vector& w, const Vector& p, Vector& g) {
    return gradient(p, g, [&](const AnyProblem& t, const Vector& a, Vector& part) {
      return t.upper_gradient_of(w, a, part);
    });
  };
  any.lower_gradient_of = [=](const Vector& w, const Vector& p, Vector& g) {
    return gradient(p, g, [&](const AnyProblem& t, const Vector& a, Vector& part) {
      return t.lower_gradient_of(w, a, part);
    });
  };
  any.upper_theta_gradient = [=](const Vector& w, const Vector& p) -> Vector {
    return mean(p, [&](const AnyProblem& t, const Vector& a,
                       std::size_t) { return t.upper_theta_gradient(w, a); }) /
           n;
  };
  any.lower_theta_gradient = [=](const Vector& w, const Vector& p) -> Vector {
    return mean(p, [&](const AnyProblem& t, const Vector& a,
                       std::size_t) { return t.lower_theta_gradient(w, a); }) /
           n;
  };
  any.lower_hessian = [=](const Vector& w, const Vector& p) {
    Matrix h = Matrix::Zero(p.size(), p.size());
    for (std::size_t t = 0; t < tasks->size(); ++t) {
      const auto at = static_cast<Eigen::Index>(t) * adapter;
      h.block(at, at, adapter, adapter) = (*tasks)[t].lower_hessian(w, piece(p, t)) / n;
    }
    return h;
  };
  any.lower_cross = [=](const Vector& w, const Vector& p) {
    Matrix c(p.size(), w.size());
    for (std::size_t t = 0; t < tasks->size(); ++t)
      c.middleRows(static_cast<Eigen::Index>(t) * adapter, adapter) =
          (*tasks)[t].lower_cross(w, piece(p, t)) / n;
    return c;
  };
  return any;
}

}  // namespace zofo::bench
