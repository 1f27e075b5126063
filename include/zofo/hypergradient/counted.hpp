/// @file Counts the evaluations of a problem.
#pragma once

#include <cstdint>

#include "zofo/core/problem.hpp"

namespace zofo {

/// Numbers of evaluations of a problem's functions. Values and gradients in p are counted separately.
struct Evaluations {
  std::uint64_t upper_values = 0;     ///< calls of upper
  std::uint64_t lower_values = 0;     ///< calls of lower
  std::uint64_t upper_gradients = 0;  ///< calls of upper_gradient
  std::uint64_t lower_gradients = 0;  ///< calls of lower_gradient
  /// The cost in values. A gradient counts as `gradient_cost` values; the default is one forward and one
  /// backward pass of equal cost.
  [[nodiscard]] double total(double gradient_cost = 2.0) const {
    return static_cast<double>(upper_values + lower_values) +
           gradient_cost * static_cast<double>(upper_gradients + lower_gradients);
  }
};

/// A problem whose calls are counted. It hides closed forms of the problem, so that every evaluation counts.
template <FourFunctions Problem>
struct Counted {
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  Problem& problem;     ///< must outlive the object
  Evaluations count{};  ///< evaluations so far; assign {} to reset

  /// F(θ, p), counted.
  double upper(const Theta& theta, const Adapter& p, BatchKey sample) {
    ++count.upper_values;
    return problem.upper(theta, p, sample);
  }
  /// G(θ, p), counted.
  double lower(const Theta& theta, const Adapter& p, BatchKey sample) {
    ++count.lower_values;
    return problem.lower(theta, p, sample);
  }
  /// F and its gradient in p, counted as a gradient.
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) {
    ++count.upper_gradients;
    return problem.upper_gradient(theta, p, sample, gradient);
  }
  /// G and its gradient in p, counted as a gradient.
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) {
    ++count.lower_gradients;
    return problem.lower_gradient(theta, p, sample, gradient);
  }
};
template <class Problem>
Counted(Problem&) -> Counted<Problem>;

}  // namespace zofo
