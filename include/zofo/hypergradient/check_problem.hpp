/// @file Checks a problem's derivatives against differences of its values.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/hypergradient/finite_differences.hpp"
#include "zofo/hypergradient/oracles.hpp"
#include "zofo/hypergradient/second_order.hpp"

namespace zofo {

/// One comparison of `check_problem`.
struct ProblemFinding {
  std::string what;     ///< the function, for example "lower_gradient"
  double error;         ///< ‖own − differences‖ / max(1, ‖differences‖)
  std::string message;  ///< empty when within tolerance
};

/// All comparisons of `check_problem`.
struct ProblemCheck {
  std::vector<ProblemFinding> findings;  ///< in the order of the comparisons
  /// True when every comparison is within tolerance.
  [[nodiscard]] bool passed() const { return message().empty(); }
  /// The failed comparisons, one line per function; empty when all passed.
  [[nodiscard]] std::string message() const {
    std::string all;
    for (const ProblemFinding& f : findings)
      if (!f.message.empty()) all += (all.empty() ? "" : "\n") + f.message;
    return all;
  }
  /// Throws Error with the message unless passed.
  void require_passed() const { require(passed(), "{}", message()); }
};

namespace detail {

inline ProblemFinding compare_entries(const char* what, const Eigen::MatrixXd& own,
                                      const Eigen::MatrixXd& differences, double tolerance) {
  if (own.rows() != differences.rows() || own.cols() != differences.cols())
    return {what, std::numeric_limits<double>::infinity(),
            fmt::format("{} is {}x{}: must be {}x{}", what, own.rows(), own.cols(), differences.rows(),
                        differences.cols())};
  ProblemFinding finding{what, (own - differences).norm() / std::max(1.0, differences.norm()), {}};
  if (finding.error <= tolerance) return finding;
  Eigen::Index row = 0, col = 0;
  const Eigen::MatrixXd gap = (own - differences).cwiseAbs();
  gap.unaryExpr([](double x) { return std::isnan(x) ? std::numeric_limits<double>::max() : x; })
      .maxCoeff(&row, &col);
  const std::string entry = own.cols() == 1 ? fmt::format("{}", row) : fmt::format("({}, {})", row, col);
  finding.message = fmt::format(
      "{}: entry {} is {:.9g}, central differences give {:.9g}; relative error {:.2g}: must be at "
      "most {:.2g}",
      what, entry, own(row, col), differences(row, col), finding.error, tolerance);
  return finding;
}

inline ProblemFinding compare_values(const char* what, double own, double expected, double tolerance) {
  ProblemFinding finding{what, std::abs(own - expected) / std::max(1.0, std::abs(expected)), {}};
  if (!(finding.error <= tolerance))
    finding.message =
        fmt::format("{}: is {:.17g}, must be {:.17g} within {:.2g}", what, own, expected, tolerance);
  return finding;
}

// Compares a function's returned value and gradient with `value`.
template <class Adapter, class Value, class Gradient>
void check_level(ProblemCheck& check, const char* value_name, const char* gradient_name, const Adapter& p,
                 const Value& value, const Gradient& gradient, double tolerance) {
  Adapter g = p;
  const double at = value(p), returned = gradient(p, g);
  check.findings.push_back(
      compare_values(fmt::format("{} called twice on one sample", value_name).c_str(), value(p), at, 0.0));
  check.findings.push_back(
      compare_values(fmt::format("value returned by {}", gradient_name).c_str(), returned, at, 1e-12));
  const auto differences = difference_gradient(
      [&](const Eigen::VectorXd& x) {
        Adapter moved = p;
        unflatten(x, moved);
        return static_cast<double>(value(moved));
      },
      flat(p));
  check.findings.push_back(compare_entries(gradient_name, flat(g), differences.value, tolerance));
}

}  // namespace detail

/// Compares at (θ, p), on one pair of samples, each derivative of the problem with extrapolated central
/// differences of simpler functions of the problem: upper_gradient and lower_gradient with values. It also
/// checks that values repeat and that the gradients return them. If the problem has them: θ-gradients with
/// values, Hessians and the cross term with p-gradients, lower_solution with a vanishing lower_gradient, phi
/// with upper at lower_solution, and phi_gradient with phi. `tolerance` bounds ProblemFinding::error. A wrong
/// problem is reported in the result, not thrown. Throws Error for a tolerance outside [10⁻¹⁵, 1].
template <class Problem>
[[nodiscard]] ProblemCheck check_problem(Problem& problem, const typename Problem::Theta& theta,
                                         const typename Problem::Adapter& p, double tolerance = 1e-7,
                                         BatchPair samples = {}) {
  using Bare = std::remove_const_t<Problem>;
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  using Eigen::VectorXd;
  static_assert(FourFunctions<Bare>,
                "zofo: Problem needs Theta, Adapter, upper, lower, upper_gradient, lower_gradient "
                "(concept FourFunctions)");
  static_assert(
      DoubleCoordinates<Theta> && DoubleCoordinates<Adapter>,
      "zofo: check_problem needs doubles in Theta and Adapter: coordinates(x), or for_each_tensor(x, f), "
      "(concept DoubleCoordinates)");
  require_in("tolerance", tolerance, 1e-15, 1.0);
  ProblemCheck check;
  detail::check_level(
      check, "upper", "upper_gradient", p,
      [&](const Adapter& x) -> double { return problem.upper(theta, x, samples.upper); },
      [&](const Adapter& x, Adapter& g) -> double {
        return problem.upper_gradient(theta, x, samples.upper, g);
      },
      tolerance);
  detail::check_level(
      check, "lower", "lower_gradient", p,
      [&](const Adapter& x) -> double { return problem.lower(theta, x, samples.lower); },
      [&](const Adapter& x, Adapter& g) -> double {
        return problem.lower_gradient(theta, x, samples.lower, g);
      },
      tolerance);

  constexpr detail::LevelWeights kUpper{1.0, 0.0}, kLower{0.0, 1.0};
  detail::Oracles<Problem> own(problem, theta, p, samples, true, kDifferenceStep);
  detail::Oracles<Problem> plain(problem, theta, p, samples, false, kDifferenceStep);
  const VectorXd at = detail::flat(p);
  const auto compare = [&](const char* what, const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
    check.findings.push_back(detail::compare_entries(what, a, b, tolerance));
  };
  if constexpr (HasThetaGradients<Bare>) {
    compare("upper_theta_gradient", own.theta_gradient(kUpper, at), plain.theta_gradient(kUpper, at));
    compare("lower_theta_gradient", own.theta_gradient(kLower, at), plain.theta_gradient(kLower, at));
  }
  if constexpr (HasSecondOrder<Bare>) {
    compare("upper_hessian", detail::upper_hessian(problem, theta, p, samples.upper),
            plain.hessian(kUpper, at));
    compare("lower_hessian", detail::lower_hessian(problem, theta, p, samples.lower),
            plain.hessian(kLower, at));
    const auto cross = difference_jacobian(
        [&](const VectorXd& x) -> VectorXd {
          Theta moved = theta;
          detail::unflatten(x, moved);
          Adapter g = p;
          problem.lower_gradient(moved, p, samples.lower, g);
          return detail::flat(g);
        },
        detail::flat(theta));
    compare("lower_cross", detail::lower_cross(problem, theta, p, samples.lower), cross.value);
  }
  if constexpr (HasExactInner<Bare>) {
    const Adapter solution = problem.lower_solution(theta);
    Adapter g = p;
    problem.lower_gradient(theta, solution, samples.lower, g);
    const VectorXd residual = detail::flat(g);
    compare("lower_gradient at lower_solution", residual, VectorXd::Zero(residual.size()));
    if constexpr (HasHypergradient<Bare>)
      check.findings.push_back(detail::compare_values(
          "phi", problem.phi(theta), problem.upper(theta, solution, samples.upper), tolerance));
  }
  if constexpr (HasHypergradient<Bare>) {
    const auto differences = difference_gradient(
        [&](const VectorXd& x) {
          Theta moved = theta;
          detail::unflatten(x, moved);
          return static_cast<double>(problem.phi(moved));
        },
        detail::flat(theta));
    const Theta gradient = problem.phi_gradient(theta);
    compare("phi_gradient", detail::flat(gradient), differences.value);
  }
  return check;
}

}  // namespace zofo
