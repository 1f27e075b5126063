// A problem's closed forms against the reference, and its constants against Hessians made of differences.
#pragma once

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "zofo/core/random.hpp"
#include "zofo/hypergradient/finite_differences.hpp"
#include "zofo/hypergradient/implicit_gradient.hpp"
#include "zofo/problems/constants.hpp"

namespace agreement {

using Eigen::MatrixXd;
using Eigen::VectorXd;

template <class X>
X random_like(X x, std::uint32_t stream, double size = 1.0) {
  auto entries = zofo::coordinates(x);
  zofo::normals({123, 0, 0}, stream, 0, entries.data(), entries.size());
  for (double& e : entries) e *= size;
  return x;
}
// ‖a − b‖ over the size of b, or over 1 where b is small.
template <class X>
double gap(const X& a, const X& b) {
  return (a - b).norm() / std::max(1.0, b.norm());
}

template <class Problem>
void check_derivatives(const Problem& problem, const typename Problem::Theta& theta, std::uint32_t stream) {
  const auto check = zofo::check_problem(problem, theta, random_like(problem.start().p, stream), 1e-9);
  INFO(check.message());
  CHECK(check.passed());
}

// p*, p_λ, φ, ∇φ, L*_λ and ∇L*_λ to 1e-12 of Newton's method and implicit differentiation on the problem's
// own oracles, and of the same from values and p-gradients only to the accuracy of differences.
template <class Problem>
void check_closed_forms(const Problem& problem, const typename Problem::Theta& theta, double penalty) {
  for (const bool own : {true, false})
    for (const auto solver : {zofo::LinearSolver::direct, zofo::LinearSolver::conjugate_gradients}) {
      zofo::ReferenceOptions options;
      options.own_oracles = own;
      options.linear_solver = solver;
      options.penalty = penalty;
      const auto r = zofo::reference(problem, theta, options);
      CAPTURE(own, solver, penalty, r.message);
      REQUIRE(r.converged);
      CHECK(gap(problem.lower_solution(theta), r.p) < 1e-12);
      CHECK(gap(problem.penalty_solution(theta, penalty), *r.penalty_solution) < 1e-12);
      CHECK(std::abs(problem.phi(theta) - r.phi) <= 1e-12 * std::max(1.0, std::abs(r.phi)));
      CHECK(std::abs(problem.penalty_value(theta, penalty) - *r.penalty_value) <=
            1e-12 * std::max(1.0, std::abs(r.phi)));
      CHECK(gap(problem.phi_gradient(theta), r.phi_gradient) < (own ? 1e-12 : 1e-10));
      CHECK((problem.phi_gradient(theta) - r.phi_gradient).norm() < 10 * r.accuracy + 1e-15);
      CHECK(gap(problem.penalty_value_gradient(theta, penalty), *r.penalty_value_gradient) <
            (own ? 1e-12 : 1e-10) * (1 + penalty));
    }
}

struct Range {
  double low, high;
};
inline Range eigenvalues(const MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(0.5 * (symmetric + symmetric.transpose()));
  return {eigen.eigenvalues().minCoeff(), eigen.eigenvalues().maxCoeff()};
}
// Extreme eigenvalues of ∂²G/∂p² (or ∂²F/∂p²) from p-gradients only.
template <class Problem>
Range curvature(const Problem& problem, const typename Problem::Theta& theta, bool lower,
                const typename Problem::Adapter& p) {
  const auto gradient = [&](const VectorXd& x) -> VectorXd {
    auto moved = p, g = p;
    zofo::detail::unflatten(x, moved);
    if (lower)
      problem.lower_gradient(theta, moved, {}, g);
    else
      problem.upper_gradient(theta, moved, {}, g);
    return zofo::detail::flat(g);
  };
  return eigenvalues(zofo::difference_jacobian(gradient, zofo::detail::flat(p)).value);
}
// Extreme eigenvalues of ∇²φ from φ's gradient.
template <class Problem>
Range phi_curvature(const Problem& problem, const typename Problem::Theta& theta) {
  const auto gradient = [&](const VectorXd& x) -> VectorXd {
    auto moved = theta;
    zofo::detail::unflatten(x, moved);
    const typename Problem::Theta g = problem.phi_gradient(moved);
    return zofo::detail::flat(g);
  };
  return eigenvalues(zofo::difference_jacobian(gradient, zofo::detail::flat(theta)).value);
}
template <class Problem>
void check_bounds(const Problem& problem, const zofo::problems::Constants& k,
                  const typename Problem::Theta& theta, std::uint32_t stream) {
  const auto p = random_like(problem.start().p, stream);
  const Range g = curvature(problem, theta, true, p), f = curvature(problem, theta, false, p);
  CHECK(g.low >= k.mu - 1e-9);
  CHECK(g.high <= k.smoothness + 1e-9);
  CHECK(std::max(f.high, -f.low) <= k.upper_smoothness + 1e-9);
  CHECK(k.condition == Approx(k.smoothness / k.mu));
}

}  // namespace agreement
