/// @file A problem that counts what is asked of it.
#pragma once

#include <cstdint>

#include "zofo/core/problem.hpp"

namespace zofo {

/// Numbers of evaluations of a problem's functions. A gradient in p counts apart from a value.
struct Evaluations {
  std::uint64_t upper_values = 0, lower_values = 0;
  std::uint64_t upper_gradients = 0, lower_gradients = 0;
  /// Values, a gradient as `gradient_cost` of them (a backward pass costs a forward more: 2).
  [[nodiscard]] double total(double gradient_cost = 2.0) const {
    return static_cast<double>(upper_values + lower_values) +
           gradient_cost * static_cast<double>(upper_gradients + lower_gradients);
  }
};

/// The problem itself, each call counted; closed forms are not passed on, so that nothing is had for nothing.
template <FourFunctions Problem>
struct Counted {
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  Problem& problem;
  Evaluations count{};

  double upper(const Theta& theta, const Adapter& p, BatchKey sample) {
    ++count.upper_values;
    return problem.upper(theta, p, sample);
  }
  double lower(const Theta& theta, const Adapter& p, BatchKey sample) {
    ++count.lower_values;
    return problem.lower(theta, p, sample);
  }
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) {
    ++count.upper_gradients;
    return problem.upper_gradient(theta, p, sample, gradient);
  }
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) {
    ++count.lower_gradients;
    return problem.lower_gradient(theta, p, sample, gradient);
  }
};
template <class Problem>
Counted(Problem&) -> Counted<Problem>;

}  // namespace zofo
